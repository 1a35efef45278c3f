import { afterAll, afterEach, expect, it } from '@jest/globals';
import type { TaskEvent } from 'nestjs-streaming';
import { collect } from '../../support/app.js';
import { watch } from '../../support/clients/open-clients.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { Instances } from '../support/instances.js';
import { Folding, Once, Resumed } from '../support/member-tasks.js';
import { MemberProcesses } from '../support/processes.js';
import { expectWhole } from '../support/whole.js';

const processes = new MemberProcesses();
const leases = { lockDuration: 1_000, stalledInterval: 300 };

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_item, n) => n);

const numbersIn = (events: readonly { readonly type: string; readonly data: unknown }[]): unknown[] =>
  events.filter(({ type }) => type === 'n').map(({ data }) => data);

function pidOf(event: TaskEvent): number {
  return (event.data as { pid: number }).pid;
}

describeWithRedis('instances that are killed', [], (server) => {
  it('are noticed: a resumable task goes on from its checkpoint, any other fails', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const web = await instances.startWeb();
    const second = processes.prepare();
    const first = await processes.start(server, instances.prefix, leases);
    await second.said('loaded');
    const handles = await Promise.all([
      web.coordinator.start(Once, { body: 'rows', events: 10_000, pause: 2 }),
      web.coordinator.start(Resumed, { body: 'rows', events: 300, pause: 10 }),
    ]);
    const [once, resumed] = handles.map((handle) => collect(handle.events()));
    await once!.until((event) => event.type === 'n' && event.data === 20);
    await resumed!.until((event) => event.type === 'n' && event.data === 20);
    await second.begin(server, instances.prefix, leases);

    first.signal('SIGKILL');
    const killed = performance.now();

    expect((await once!.done).at(-1)).toMatchObject({
      type: 'failed',
      data: { message: 'The worker was lost', errorType: 'WorkerLost' },
    });
    expect(performance.now() - killed).toBeLessThan(10_000);
    expectWhole(once!.events);
    const events = await resumed!.done;
    expectWhole(events);
    expect(events.filter(({ type }) => type === 'pid').map(pidOf)).toEqual([first.pid, second.pid]);
    expect(events.find(({ type }) => type === 'retrying')?.data).toEqual({
      attempt: 2,
      delay: 0,
      message: 'The worker was lost',
      cause: 'lost',
    });
    // An event and its checkpoint are written in one step.
    expect(numbersIn(events)).toEqual(firstNumbers(300));
    expect(await handles[1].result).toBe(second.pid);
  });

  it('leave a state that stands for the newest event, and the next one folds on', async () => {
    const instances = new Instances(server, [Folding]);
    const web = await instances.startWeb({ listen: true });
    const second = processes.prepare();
    const first = await processes.start(server, instances.prefix, leases);
    await second.said('loaded');
    const handle = await web.coordinator.start(Folding, { body: 'rows', events: 2_000, pause: 0 });
    const seen = collect(handle.events());
    await seen.until((event) => event.type === 'n' && event.data === 200);
    first.signal('SIGKILL');
    const { state: left, lastEventId } = await handle.snapshot();
    expect(lastEventId).toMatch(new RegExp(`-${(left as { count: number }).count}$`));
    await second.begin(server, instances.prefix, leases);
    const events = await seen.done;
    expectWhole(events);
    expect(events.filter(({ type }) => type === 'started')).toHaveLength(2);
    const sum = (numbersIn(events) as number[]).reduce((before, n) => before + n, 0);
    expect(await handle.snapshot()).toMatchObject({
      status: 'completed',
      state: { count: events.length, sum },
    });
  });

  it('with the times of leases that hold by default: 200 watchers hear of it within 10 s, and each has all events once', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const webs = [await instances.startWeb({ listen: true }), await instances.startWeb({ listen: true })];
    const second = processes.prepare();
    const first = await processes.start(server, instances.prefix);
    const handles = await Promise.all(
      firstNumbers(20).map((n) =>
        webs[n % 2]!.coordinator.start(n < 10 ? Once : Resumed, { body: 'rows', events: 80, pause: 100 }),
      ),
    );
    const watched = await Promise.all(
      handles.map(({ ref: { app, name, id } }) =>
        Promise.all(firstNumbers(10).map((n) => watch(`${webs[n % 2]!.url}/${app}/${name}/${id}`))),
      ),
    );
    await Promise.all(watched.flat().map((stream) => stream.next((event) => event.data === 10)));
    await second.begin(server, instances.prefix);
    first.signal('SIGKILL');
    const killed = performance.now();

    await Promise.all(
      watched.flat().map((stream) => stream.next(({ type }) => type === 'retrying' || type === 'failed')),
    );
    await Promise.all(
      watched
        .slice(10)
        .flat()
        .map((stream) => stream.next('started')),
    );
    expect(performance.now() - killed).toBeLessThan(10_000);
    await Promise.all(watched.flat().map(({ ended }) => ended));
    for (const [n, streams] of watched.entries()) {
      const [{ events }] = streams as [(typeof streams)[0]];
      expectWhole(events);
      for (const stream of streams) expect(stream.events).toEqual(events);
      expect(processes.callsOf(handles[n]!.ref)).toHaveLength(n < 10 ? 1 : 2);
      if (n < 10) expect(events.at(-1)?.data).toMatchObject({ errorType: 'WorkerLost' });
      else {
        expect(numbersIn(events)).toEqual(firstNumbers(80));
        expect(events.at(-1)?.data).toEqual({ finalValue: second.pid });
      }
    }
  });

  it('hand over what they run when they are told to end', async () => {
    const instances = new Instances(server, [Once, Resumed]);
    const web = await instances.startWeb();
    const second = processes.prepare();
    const first = await processes.start(server, instances.prefix, leases);
    await second.said('loaded');
    const handle = await web.coordinator.start(Resumed, { body: 'rows', events: 300, pause: 10 });
    const events = collect(handle.events());
    await events.until((event) => event.type === 'n' && event.data === 20);
    await second.begin(server, instances.prefix, leases);

    first.signal('SIGTERM');
    await first.ended();

    const all = await events.done;
    expectWhole(all);
    expect(all.filter(({ type }) => type === 'pid').map(pidOf)).toEqual([first.pid, second.pid]);
    expect(all.find(({ type }) => type === 'retrying')?.data).toMatchObject({ cause: 'handover' });
    expect(numbersIn(all)).toEqual(firstNumbers(300));
  });
});
