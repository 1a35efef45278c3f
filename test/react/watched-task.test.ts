import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from 'nestjs-streaming/client';
import {
  clientOf,
  frame,
  json,
  OPEN,
  refusal,
  rejectionOf,
  runOf,
  ScriptedServer,
  serve,
  snapshot,
  stream,
} from '../client/support.js';
import { deferred, eventually } from '../support/wait.js';
import { expectWatchers, PuppetTask, quiet, range, seqOf } from '../support/watching.js';
import { Shown } from './support.js';

async function play(options: ConstructorParameters<typeof PuppetTask>[0] = {}) {
  const task = new PuppetTask(options);
  const app = await serve(task);
  const puppet = await task.start(app);
  const run = clientOf(app).task('test', task.name).attach(puppet.id);
  return { app, task, puppet, run };
}

const count = (state: number, event: RunEvent): number => (event.type === 'n' ? state + 1 : state);

describe('what is shown of a task', () => {
  it('is its status, progress and events, then its outcome', async () => {
    const { puppet, run } = await play();
    const shown = Shown.of(run);
    await puppet.context.progress(40);
    puppet.count(2);
    await eventually(() => expect(shown.view.events).toHaveLength(4));
    expect(shown.view).toMatchObject({
      id: puppet.id,
      status: 'running',
      connection: 'live',
      outcome: undefined,
    });
    expect(shown.view.progress).toEqual({ percent: 40 });
    await puppet.end({ url: '/a' });
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    expect(shown.view).toMatchObject({
      status: 'completed',
      connection: 'ended',
      outcome: { status: 'completed', value: { url: '/a' } },
      error: undefined,
      cancellation: undefined,
    });
  });

  it('is nothing before the first event, and nothing is asked for without a run', async () => {
    const idle = Shown.of(undefined, { initial: 3 });
    expect(idle.view).toMatchObject({
      id: undefined,
      status: undefined,
      events: [],
      state: 3,
      connection: 'idle',
    });
    expect(await idle.view.cancel('enough')).toBe(false);
    expect(idle.views).toEqual([]);
  });

  it('is the same object until something changes', async () => {
    const { puppet, run } = await play();
    const shown = Shown.of(run);
    await eventually(() => expect(shown.view.connection).toBe('live'));
    await eventually(() => expect(shown.view.events).toHaveLength(1));
    const { view, views } = shown;
    const { length } = views;
    await new Promise((resolve) => setTimeout(resolve, quiet));
    expect(shown.view).toBe(view);
    expect(views).toHaveLength(length);
    await puppet.end();
  });

  it('has as many events as it keeps, the newest', async () => {
    const { puppet, run } = await play();
    puppet.count(300);
    const all = Shown.of(run);
    const few = Shown.of(run, { keepEvents: 7 });
    const none = Shown.of(run, { keepEvents: 0 });
    await puppet.end();
    await eventually(() => expect(few.view.outcome).toBeDefined());
    await eventually(() => expect(all.view.outcome).toBeDefined());
    await eventually(() => expect(none.view.outcome).toBeDefined());
    expect(all.view.events.map(seqOf)).toEqual(range(203, 302));
    expect(few.view.events.map(seqOf)).toEqual(range(296, 302));
    expect(none.view.events).toEqual([]);
  });

  it('is told once for events that come together', async () => {
    const { puppet, run } = await play();
    puppet.count(500);
    await puppet.end();
    const shown = Shown.of(run);
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    expect(shown.views.length).toBeLessThan(20);
  });

  it('is gone where the server does not know the task', async () => {
    const { app, task } = await play();
    const shown = Shown.of(clientOf(app).task('test', task.name).attach('unknown'));
    await eventually(() => expect(shown.view.outcome).toEqual({ status: 'gone' }));
    expect(shown.view).toMatchObject({ connection: 'refused', error: { code: 'TASK_NOT_FOUND' } });
  });

  it('has the error where the server refuses, and asks again when it is mounted again', async () => {
    const server = await ScriptedServer.open(refusal(403, 'FORBIDDEN'), stream(frame('e-1', 'n', 1), OPEN));
    const shown = Shown.of(runOf(server));
    await eventually(() => expect(shown.view.error).toMatchObject({ status: 403, code: 'FORBIDDEN' }));
    expect(shown.view).toMatchObject({ connection: 'refused', outcome: undefined });
    shown.unmount();
    shown.mount();
    await eventually(() => expect(shown.view.events).toHaveLength(1));
    expect(shown.view.error).toBeUndefined();
  });
});

describe('a view that is throttled', () => {
  it('is rendered once in that time, but the end at once', async () => {
    const { puppet, run } = await play();
    const shown = Shown.of(run, { throttle: 60_000 });
    await eventually(() => expect(shown.views).toHaveLength(1));
    puppet.count(1);
    await eventually(() => expect(seqOf({ id: run.lastEventId })).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, quiet));
    expect(shown.views).toHaveLength(1);
    await puppet.end(1);
    await eventually(() => expect(shown.views).toHaveLength(2));
    expect(shown.view).toMatchObject({ status: 'completed', outcome: { value: 1 } });
    expect(shown.view.events.map(seqOf)).toEqual([1, 2, 3]);
  });

  it('keeps to the time between two renders', async () => {
    const { puppet, run } = await play();
    const throttle = 40;
    const at: number[] = [];
    const shown = new Shown(run, { throttle });
    shown.store.subscribe(() => at.push(performance.now()));
    for (let turn = 0; turn < 30; turn++) {
      puppet.count(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await eventually(() => expect(shown.view.events.length).toBe(31));
    const least = Math.min(...at.slice(1).map((time, index) => time - (at[index] ?? 0)));
    expect(at.length).toBeGreaterThan(2);
    expect(least).toBeGreaterThan(throttle - 2);
    await puppet.end();
    await eventually(() => expect(shown.view.outcome).toBeDefined());
  });
});

describe('a view that is unmounted', () => {
  it('stops watching and cancels nothing; mounted again it goes on behind the last event', async () => {
    const { app, puppet, run } = await play();
    const shown = Shown.of(run);
    puppet.count(2);
    await eventually(() => expect(shown.view.events).toHaveLength(3));
    shown.unmount();
    await expectWatchers(puppet, 0);
    expect(await puppet.handle.snapshot()).toMatchObject({ status: 'running' });
    puppet.count(2);
    shown.mount();
    await eventually(() => expect(shown.view.events.map(seqOf)).toEqual(range(1, 5)));
    expect(app.asked).toHaveLength(2);
    await puppet.end();
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    shown.unmount();
    shown.mount();
    await new Promise((resolve) => setTimeout(resolve, quiet));
    expect(app.asked).toHaveLength(2);
  });

  it('and mounted again in the same turn has opened one connection', async () => {
    const { app, puppet, run } = await play();
    const shown = Shown.of(run);
    shown.unmount();
    shown.mount();
    await eventually(() => expect(shown.view.connection).toBe('live'));
    await puppet.end();
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    expect(app.asked).toHaveLength(1);
  });
});

describe('a cancellation', () => {
  it('is requested, accepted, cleaning up and ended, and says why', async () => {
    const { puppet, run } = await play({ stubborn: true, grace: 60_000, announceCancelling: true });
    const shown = Shown.of(run);
    await eventually(() => expect(shown.view.connection).toBe('live'));
    const accepted = shown.view.cancel('stop');
    await eventually(() => expect(shown.phases).toContain('requested'));
    expect(await accepted).toBe(true);
    await eventually(() => expect(shown.view.cancellation?.phase).toBe('cleaning-up'));
    expect(shown.view).toMatchObject({ status: 'cancelling', outcome: undefined });
    expect(shown.view.cancellation).toMatchObject({ reason: 'external_cancellation', detail: 'stop' });
    const { cancellation } = shown.view;
    const before = cancellation?.sinceMs ?? NaN;
    await eventually(() => expect(cancellation?.sinceMs).toBeGreaterThan(before));
    await puppet.fail(puppet.context.signal.reason);
    await eventually(() => expect(shown.view.cancellation?.phase).toBe('ended'));
    expect(shown.view.outcome).toEqual({
      status: 'cancelled',
      reason: 'external_cancellation',
      detail: 'stop',
    });
    const { sinceMs } = shown.view.cancellation!;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(shown.view.cancellation?.sinceMs).toBe(sinceMs);
    expect(await shown.view.cancel()).toBe(false);
    // The event may be here before the answer.
    expect(shown.phases.filter((phase) => phase !== 'accepted')).toEqual([
      'requested',
      'cleaning-up',
      'ended',
    ]);
  });

  it.each([
    ['before', ['cancelling', 'answer']],
    ['after', ['answer', 'cancelling']],
  ] as const)('never goes back when the event comes %s the answer', async (_, order) => {
    const answer = deferred();
    const cancelling = deferred();
    const server = await ScriptedServer.open((response, asked) => {
      if (asked.method === 'DELETE') {
        void answer.promise.then(() => json(202, { cancelled: true, status: 'cancelling' })(response, asked));
        return;
      }
      stream(frame('e-1', 'started', { attempt: 1 }), OPEN)(response, asked);
      void cancelling.promise.then(() =>
        response.write(frame('e-2', 'cancelling', { reason: 'external_cancellation' })),
      );
    });
    const shown = Shown.of(runOf(server));
    await eventually(() => expect(shown.view.connection).toBe('live'));
    const cancelled = shown.view.cancel();
    await eventually(() => expect(shown.view.cancellation?.phase).toBe('requested'));
    for (const each of order) {
      if (each === 'answer') {
        answer.resolve();
        await cancelled;
        await eventually(() =>
          expect(shown.phases).toContain(order[0] === 'answer' ? 'accepted' : 'cleaning-up'),
        );
      } else {
        cancelling.resolve();
        await eventually(() => expect(shown.view.cancellation?.phase).toBe('cleaning-up'));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, quiet));
    const phases = ['requested', 'accepted', 'cleaning-up'].filter(
      (phase) => phase !== 'accepted' || order[0] === 'answer',
    );
    expect(shown.phases.filter((phase) => phase !== undefined)).toEqual(phases);
  });

  it('of somebody else is shown as well', async () => {
    const { puppet, run } = await play({ announceCancelling: true });
    const shown = Shown.of(run);
    await puppet.handle.cancel({ detail: 'a colleague' });
    await eventually(() => expect(shown.view.cancellation?.phase).toBe('ended'));
    expect(shown.phases).toContain('ended');
    expect(shown.view.cancellation).toMatchObject({ reason: 'external_cancellation', detail: 'a colleague' });
  });

  it('that the server refuses is none, and the error is shown', async () => {
    const server = await ScriptedServer.open((response, asked) =>
      asked.method === 'DELETE'
        ? refusal(403, 'FORBIDDEN')(response, asked)
        : stream(frame('e-1', 'started', { attempt: 1 }), OPEN)(response, asked),
    );
    const shown = Shown.of(runOf(server));
    await eventually(() => expect(shown.view.events).toHaveLength(1));
    expect(await rejectionOf(shown.view.cancel())).toMatchObject({ status: 403 });
    // Nobody looks at this one: it is no unhandled rejection.
    void shown.view.cancel();
    await eventually(() => expect(server.asked).toHaveLength(3));
    await eventually(() => expect(shown.view.cancellation).toBeUndefined());
    expect(shown.view.error).toMatchObject({ status: 403, code: 'FORBIDDEN' });
  });
});

describe('the error of a cancel', () => {
  it('is gone with the next one', async () => {
    let deletes = 0;
    const server = await ScriptedServer.open((response, asked) => {
      if (asked.method !== 'DELETE') return stream(OPEN)(response, asked);
      deletes += 1;
      const accepted = json(202, { cancelled: true, status: 'cancelling' });
      return (deletes === 1 ? refusal(403, 'FORBIDDEN') : accepted)(response, asked);
    });
    const shown = Shown.of(runOf(server));
    await rejectionOf(shown.view.cancel());
    await eventually(() => expect(shown.view.error).toMatchObject({ status: 403 }));
    expect(await shown.view.cancel()).toBe(true);
    await eventually(() => expect(shown.view.cancellation?.phase).toBe('cleaning-up'));
    expect(shown.view.error).toBeUndefined();
  });

  it('does not hide why watching has ended', async () => {
    const refused = deferred();
    const server = await ScriptedServer.open((response, asked) => {
      if (asked.method === 'DELETE') return refusal(403, 'FORBIDDEN')(response, asked);
      return refused.promise.then(() => refusal(404, 'TASK_NOT_FOUND')(response, asked));
    });
    const shown = Shown.of(runOf(server));
    await rejectionOf(shown.view.cancel());
    await eventually(() => expect(shown.view.error).toMatchObject({ status: 403 }));
    refused.resolve();
    await eventually(() => expect(shown.view.outcome).toEqual({ status: 'gone' }));
    expect(shown.view.error).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });
});

describe('a state', () => {
  it('is folded here where the server does not', async () => {
    const { puppet, run } = await play();
    const shown = Shown.of<number>(run, { initial: 10, reduce: count });
    expect(shown.view.state).toBe(10);
    puppet.count(5);
    await eventually(() => expect(shown.view.state).toBe(15));
    await puppet.end();
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    expect(shown.view.state).toBe(15);
  });

  it('goes on from what the server has, of each event once', async () => {
    const state = frame('e-5', 'state', { state: 100, status: 'running' });
    const n = (seq: number): string => frame(`e-${seq}`, 'n', seq);
    const gap = frame('e-9', 'gap', {
      cause: 'trimmed',
      missed: 2,
      snapshot: snapshot({ state: 200, lastEventId: 'e-11' }),
    });
    const server = await ScriptedServer.open(stream(state, n(6), n(7), gap, n(10), n(11), n(12), OPEN));
    const shown = Shown.of<number>(runOf(server), { from: 'state', reduce: count });
    await eventually(() => expect(shown.view.events).toHaveLength(7));
    expect(server.asked[0]?.url).toContain('from=state');
    expect(shown.views.map((view) => view.state)).not.toContain(203);
    expect(shown.view.state).toBe(201);
  });

  it('is that of the server without a reducer', async () => {
    const server = await ScriptedServer.open(
      stream(frame('e-5', 'state', { state: { done: 3 }, status: 'running' }), OPEN),
    );
    const shown = Shown.of(runOf(server), { from: 'state' });
    await eventually(() => expect(shown.view.state).toEqual({ done: 3 }));
  });

  it('stays as it was when the reducer throws, and the task is watched on', async () => {
    const { puppet, run } = await play();
    const broken = new Error('a reducer of the page');
    const shown = Shown.of<number>(run, {
      initial: 0,
      reduce: (state, event) => {
        if (event.data === 3) throw broken;
        return count(state, event);
      },
    });
    puppet.count(5);
    await puppet.end();
    await eventually(() => expect(shown.view.outcome).toBeDefined());
    expect(shown.view).toMatchObject({ state: 2, error: broken, status: 'completed' });
  });
});
