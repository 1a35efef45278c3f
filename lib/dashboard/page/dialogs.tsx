import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { about } from './about.js';
import { ApiError, post } from './api.js';
import { count } from './format.js';
import { Dialog, tasks, tell } from './parts.js';
import { type Filter, goTo, type Ref, taskHref } from './route.js';
import { InputForm, type InputReader } from './input-form.js';
import { labels, type Status } from './types.js';

/** The one that is open. */
const opened = signal<VNode | undefined>(undefined);

export function openDialog(make: (close: () => void) => VNode): void {
  opened.value = make(() => {
    opened.value = undefined;
  });
}

export function OpenedDialog() {
  return opened.value ?? null;
}

interface AskProps {
  readonly title: string;
  readonly action: string;
  readonly isGrave?: boolean;
  readonly children: VNode | (VNode | false)[];
  readonly onClose: () => void;
  /** What it throws is shown, and the dialog stays. */
  readonly run: () => Promise<void>;
}

/** A question with one answer. */
function Ask({ title, action, isGrave = false, children, onClose, run }: AskProps) {
  const [error, setError] = useState<ApiError | undefined>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await run();
      onClose();
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)));
    }
    setBusy(false);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => void submit(event)}>
        {children}
        <Fault error={error} />
        <p class="buttons">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={isGrave ? 'main grave' : 'main'} disabled={isBusy}>
            {action}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Fault({ error }: { error: ApiError | undefined }) {
  return (
    <div role="alert" class="fault">
      {error && <p>{error.message}</p>}
      {error && error.issues.length > 0 && (
        <ul>
          {error.issues.map(({ message, path }) => (
            <li key={path.join('.') + message}>
              <code>{path.join('.') || 'input'}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Detail({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  return (
    <label class="field">
      Why <span class="dim">(watchers see it)</span>
      <textarea
        rows={2}
        maxLength={500}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

export function CancelDialog({ task, onClose }: { task: Ref; onClose: () => void }) {
  const [detail, setDetail] = useState('');
  const run = async (): Promise<void> => {
    await post(`tasks/${task.app}/${task.name}/${task.id}/cancel`, { detail });
    tell(`${task.name} is being cancelled.`);
  };
  return (
    <Ask title={`Cancel ${task.name}?`} action="Cancel the task" isGrave onClose={onClose} run={run}>
      <p>
        <code>{task.id}</code> is told to stop. It may clean up before it ends.
      </p>
      <Detail value={detail} onInput={setDetail} />
    </Ask>
  );
}

export function SignalDialog({ task, onClose }: { task: Ref; onClose: () => void }) {
  const [name, setName] = useState('');
  const [data, setData] = useState('');
  const run = async (): Promise<void> => {
    await post(`tasks/${task.app}/${task.name}/${task.id}/signal`, {
      name,
      ...(data.trim() !== '' && { data: parse(data) }),
    });
    tell(`The signal ${name} was sent.`);
  };
  return (
    <Ask title={`Send a signal to ${task.name}`} action="Send" onClose={onClose} run={run}>
      <label class="field">
        Name
        <input required value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        Data <span class="dim">(JSON, may be empty)</span>
        <textarea
          class="code"
          rows={4}
          value={data}
          onInput={(event) => setData(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}

export interface StartDialogProps {
  /** Set to start it anew. */
  readonly task?: Ref;
  readonly onClose: () => void;
}

export function StartDialog({ task, onClose }: StartDialogProps) {
  const types = (about.value?.types ?? []).filter(({ mayStart }) => mayStart);
  const [chosen, setChosen] = useState(task ? `${task.app}/${task.name}` : '');
  const [id, setId] = useState(task?.id ?? '');
  const read = useRef<InputReader>(undefined);
  const type = types.find(({ app, name }) => `${app}/${name}` === chosen) ?? types[0];
  const run = async (): Promise<void> => {
    if (!type || !read.current) return;
    const input = read.current();
    const body = { ...(input !== undefined && { input }), id, restart: task !== undefined };
    const answer = await post(`types/${type.app}/${type.name}`, body);
    const started = (await answer.json()) as Ref & { created: boolean };
    tell(started.created ? `${started.name} was started.` : 'A task with this id runs already.');
    goTo(taskHref(started));
  };
  return (
    <Ask
      title={task ? `Start ${task.name} again` : 'Start a task'}
      action="Start"
      onClose={onClose}
      run={run}
    >
      {!task && (
        <label class="field">
          Type
          <select
            value={type && `${type.app}/${type.name}`}
            onChange={(event) => setChosen(event.currentTarget.value)}
          >
            {types.map(({ app, name }) => (
              <option key={`${app}/${name}`} value={`${app}/${name}`}>
                {app}/{name}
              </option>
            ))}
          </select>
        </label>
      )}
      <InputForm key={chosen} schema={type?.schema} reader={read} />
      <label class="field">
        Id <span class="dim">(a random one if empty)</span>
        <input
          class="code"
          value={id}
          pattern="[A-Za-z0-9._~\-]{1,100}"
          onInput={(event) => setId(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}

/** @throws ApiError */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(0, `The data is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

interface BulkProgress {
  readonly total: number;
  readonly came: number;
  readonly asked: number;
  readonly accepted: number;
  readonly tooLate: number;
  readonly unmatched: number;
  readonly refused: number;
  readonly failed: number;
  readonly isDone?: boolean;
  readonly isWhole?: boolean;
}

interface BulkProps {
  readonly filter: Filter;
  /** How many matched when it was opened. */
  readonly active: number;
  readonly onClose: () => void;
}

/** Cancels all that the filter matches. It goes on as long as it is open. */
export function BulkDialog({ filter, active, onClose }: BulkProps) {
  const [detail, setDetail] = useState('');
  const [progress, setProgress] = useState<BulkProgress | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const isRunning = abort.current !== undefined && !progress?.isDone && !error;
  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    abort.current = new AbortController();
    setProgress({
      total: active,
      came: 0,
      asked: 0,
      accepted: 0,
      tooLate: 0,
      unmatched: 0,
      refused: 0,
      failed: 0,
    });
    try {
      const answer = await post('cancel', { filter, detail }, abort.current.signal);
      const last = await readLines<BulkProgress>(answer, setProgress);
      if (!last?.isDone) throw new ApiError(0, 'The connection was lost: some tasks were not asked.');
    } catch (failure) {
      if (abort.current.signal.aborted) return;
      setError(
        failure instanceof ApiError
          ? failure
          : new ApiError(0, 'The connection was lost: some tasks were not asked.'),
      );
    }
  };
  return (
    <Dialog title={`Cancel ${tasks(active)}?`} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => void begin(event)}>
        <p>
          All tasks that {describe(filter)} and have not ended are told to stop, also those that start
          meanwhile.
        </p>
        {progress ? <BulkState progress={progress} /> : <Detail value={detail} onInput={setDetail} />}
        <Fault error={error} />
        <p class="buttons">
          <button type="button" onClick={onClose}>
            {isRunning ? 'Stop' : 'Close'}
          </button>
          {!progress && (
            <button type="submit" class="main grave" disabled={active === 0}>
              Cancel {tasks(active)}
            </button>
          )}
        </p>
      </form>
    </Dialog>
  );
}

function BulkState({ progress }: { progress: BulkProgress }) {
  const { total, came, asked, accepted, tooLate, unmatched, refused, failed, isDone, isWhole } = progress;
  const all = Math.max(total + came, asked);
  const others: readonly (readonly [number, string])[] = [
    [came, 'came meanwhile'],
    [tooLate, 'had ended'],
    [unmatched, 'match no more'],
    [refused, 'not allowed'],
    [failed, 'failed'],
  ];
  return (
    <div class="bulk" role="status">
      <progress value={asked} max={Math.max(1, all)} aria-label="Asked to cancel" />
      <p>
        <b>
          {count(accepted)} of {count(all)} cancelled
        </b>
        {others.map(([value, what]) => value > 0 && <span key={what}>{` · ${count(value)} ${what}`}</span>)}
      </p>
      {isDone && <p>{isWhole ? 'Nothing that matches is left.' : 'Some may be left: cancel all again.'}</p>}
    </div>
  );
}

function describe({ status, type, owner, text, within }: Filter): string {
  const parts = [
    type && `are of ${type}`,
    status &&
      `are ${status
        .split(',')
        .map((each) => labels[each as Status].toLowerCase())
        .join(' or ')}`,
    owner && `belong to ${owner}`,
    text && `contain “${text}”`,
    within && `are not older than ${Number(within) / 60_000} minutes`,
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(', ') : 'you may see';
}

async function readLines<Line>(answer: Response, each: (line: Line) => void): Promise<Line | undefined> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let last: Line | undefined;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const lines = (text + part.value).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) last = JSON.parse(line) as Line;
    if (last !== undefined) each(last);
  }
  return last;
}
