/** A page with the hooks: what it shows is said by the test, and each render is kept for it. */
import { createElement as h, type FunctionComponent, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createStreamingClient, type RunEvent, type TaskShape } from 'nestjs-streaming/client';
import { StreamingProvider, useStartTask, useTask, useTasks } from 'nestjs-streaming/react';

interface Counted extends TaskShape {
  readonly events: Record<string, unknown>;
  readonly state: number;
}

/** What the test says. */
export interface Shown {
  readonly kind: 'task' | 'form' | 'list' | 'nothing';
  readonly name: string;
  readonly id?: string | null;
  readonly throttle?: number;
  readonly isStrict?: boolean;
}

/** One render of a task. */
export interface Rendered {
  /** What it was to show. */
  readonly of: string | null | undefined;
  readonly id: string | undefined;
  readonly status: string | undefined;
  readonly connection: string;
  readonly events: number;
  readonly state: number | undefined;
  readonly phase: string | undefined;
  readonly outcome: string | undefined;
}

export interface Harness {
  readonly renders: Rendered[];
  show(shown: Shown): void;
}

const client = createStreamingClient({ baseUrl: '/stream', retry: { min: 5, max: 20 } });
const renders: Rendered[] = [];

const Task: FunctionComponent<Shown> = ({ name, id, throttle = 0 }) => {
  // Other objects and functions in each render.
  const task = useTask<Counted, number>(client.task('test', name) as never, id, {
    throttle,
    initial: 0,
    reduce: (count: number, event: RunEvent<Counted>) => (event.type === 'n' ? count + 1 : count),
  });
  const { status, connection, events, state, cancellation, outcome } = task;
  renders.push({
    of: id,
    id: task.id,
    status,
    connection,
    events: events.length,
    state,
    phase: cancellation?.phase,
    outcome: outcome?.status,
  });
  return h(
    'section',
    null,
    h('output', null, [status, state, outcome?.status].join(' ')),
    h('button', { onClick: () => void task.cancel('stop') }, 'Cancel'),
  );
};

const Form: FunctionComponent<Shown> = ({ name }) => {
  const start = useStartTask({ app: 'test', name });
  const submit = (input: object): void => void start.run(input, { id: 'from-form' });
  return h(
    'section',
    null,
    h('button', { onClick: () => submit({ to: 'ten' }), disabled: start.pending }, 'Wrong'),
    h('button', { onClick: () => submit({ to: 10 }), disabled: start.pending }, 'Right'),
    h(
      'output',
      null,
      start.error ? Object.entries(start.fields).map(([field]) => `${field} is wrong`) : 'fine',
    ),
  );
};

const List: FunctionComponent<Shown> = () => {
  const page = useTasks({ status: 'running', limit: 2 }, { refresh: 200 });
  return h(
    'section',
    null,
    h(
      'ul',
      null,
      page.items.map(({ id, status, progress }) =>
        h('li', { key: id }, `${id} ${status} ${progress?.percent ?? '-'}`),
      ),
    ),
    page.nextCursor !== null && h('button', { onClick: () => void page.loadMore() }, 'More'),
  );
};

const KINDS = { task: Task, form: Form, list: List, nothing: () => null };

interface Page {
  readonly document: { getElementById(id: string): Parameters<typeof createRoot>[0] };
  harness?: Harness;
}
const page = globalThis as unknown as Page;
const root = createRoot(page.document.getElementById('root'));
page.harness = {
  renders,
  show(shown) {
    const shows = h(StreamingProvider, { client }, h(KINDS[shown.kind], shown));
    root.render(shown.isStrict ? h(StrictMode, null, shows) : shows);
  },
};
