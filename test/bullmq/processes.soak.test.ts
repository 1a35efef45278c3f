import { afterAll, afterEach, expect, it } from '@jest/globals';
import { StreamTask, type TaskContext, type TaskEvent } from 'nestjs-streaming';
import { collect } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { Instances } from './support/instances.js';
import { InstanceProcesses } from './support/processes.js';

/** What the processes run, for those who only start and watch. */
interface Input {
  readonly events: number;
  readonly pause: number;
}

@StreamTask({ app: 'test', name: 'once' })
class Once {
  async process(_task: TaskContext<Input>): Promise<number> {
    throw new Error('It runs elsewhere');
  }
}

@StreamTask({ app: 'test', name: 'resumed', resumable: true })
class Resumed {
  async process(_task: TaskContext<Input>): Promise<number> {
    throw new Error('It runs elsewhere');
  }
}

const processes = new InstanceProcesses();
const leases = { lockDuration: 1_000, stalledInterval: 300 };

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

function pidOf(event: TaskEvent): number {
  return (event.data as { pid: number }).pid;
}

function expectWhole(events: readonly TaskEvent[]): void {
  const ids = events.map(({ id }) => id.split('-'));
  expect(ids.map(([, seq]) => Number(seq))).toEqual(ids.map((_id, n) => n + 1));
  expect(new Set(ids.map(([epoch]) => epoch)).size).toBe(1);
}

describeWithRedis('instances that are killed', [], (server) => {
  it('are noticed: a resumable task goes on from its checkpoint, any other fails', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const web = await instances.startWeb();
    const first = await processes.start(server, instances.prefix, leases);
    const input = { events: 10_000, pause: 2 };
    const handles = await Promise.all([
      web.coordinator.start(Once, input),
      web.coordinator.start(Resumed, { events: 400, pause: 10 }),
    ]);
    const [once, resumed] = handles.map((handle) => collect(handle.events()));
    await once!.until((event) => event.type === 'n' && event.data === 20);
    await resumed!.until((event) => event.type === 'n' && event.data === 20);
    const second = await processes.start(server, instances.prefix, leases);

    processes.signal(first, 'SIGKILL');
    const killed = performance.now();

    expect((await once!.done).at(-1)).toMatchObject({
      type: 'failed',
      data: { message: 'The worker was lost', errorType: 'WorkerLost' },
    });
    expect(performance.now() - killed).toBeLessThan(leases.lockDuration + 3 * leases.stalledInterval + 500);
    expectWhole(once!.events);
    const events = await resumed!.done;
    expectWhole(events);
    expect(events.filter(({ type }) => type === 'pid').map(pidOf)).toEqual([first, second]);
    expect(events.find(({ type }) => type === 'retrying')?.data).toEqual({
      attempt: 2,
      delay: 0,
      message: 'The worker was lost',
      cause: 'lost',
    });
    // An event and its checkpoint are written in one step.
    expect(events.filter(({ type }) => type === 'n').map(({ data }) => data)).toEqual(
      Array.from({ length: 400 }, (_item, n) => n),
    );
    expect(await handles[1].result).toBe(second);
  });

  it('write nothing when they were only stopped, and go on later', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const web = await instances.startWeb();
    const first = await processes.start(server, instances.prefix, leases);
    const handle = await web.coordinator.start(Resumed, { events: 500, pause: 10 });
    const events = collect(handle.events());
    await events.until((event) => event.type === 'n' && event.data === 20);
    const second = await processes.start(server, instances.prefix, leases);

    processes.signal(first, 'SIGSTOP');
    await events.until((event) => event.type === 'pid' && pidOf(event) === second);
    processes.signal(first, 'SIGCONT');

    const all = await events.done;
    expectWhole(all);
    expect(all.filter(({ type }) => type === 'n').map(({ data }) => data)).toEqual(
      Array.from({ length: 500 }, (_item, n) => n),
    );
    expect(await handle.result).toBe(second);
    // The instance that was stopped takes new tasks.
    processes.signal(second, 'SIGKILL');
    const next = await web.coordinator.start(Resumed, { events: 1, pause: 1 });
    expect(await next.result).toBe(first);
  });

  it('hand over what they run when they are told to end', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const web = await instances.startWeb();
    const first = await processes.start(server, instances.prefix, leases);
    const handle = await web.coordinator.start(Resumed, { events: 300, pause: 10 });
    const events = collect(handle.events());
    await events.until((event) => event.type === 'n' && event.data === 20);
    const second = await processes.start(server, instances.prefix, leases);

    processes.signal(first, 'SIGTERM');
    await processes.exited(first);

    const all = await events.done;
    expectWhole(all);
    expect(all.filter(({ type }) => type === 'pid').map(pidOf)).toEqual([first, second]);
    expect(all.find(({ type }) => type === 'retrying')?.data).toMatchObject({ cause: 'handover' });
    expect(all.filter(({ type }) => type === 'n').map(({ data }) => data)).toEqual(
      Array.from({ length: 300 }, (_item, n) => n),
    );
  });
});
