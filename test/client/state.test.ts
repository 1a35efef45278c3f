import { describe, expect, it } from '@jest/globals';
import type { StreamTaskOptions } from 'nestjs-streaming';
import type { RunEvent, TaskRun } from 'nestjs-streaming/client';
import { Relay } from '../support/clients/relay.js';
import { foldSeen, tallies, tallyOf } from '../support/folding.js';
import { type Puppet, PuppetTask, range, seqOf } from '../support/watching.js';
import { clientOf, readAll, serve, typesOf } from './support.js';

const folding = (options: StreamTaskOptions = {}): PuppetTask =>
  new PuppetTask({ ...(tallies as StreamTaskOptions), ...options });

type Loop = AsyncIterator<RunEvent>;

const loopOf = (run: TaskRun): Loop => run.events({ from: 'state' })[Symbol.asyncIterator]();

async function restOf(loop: Loop): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for (let step = await loop.next(); !step.done; step = await loop.next()) events.push(step.value);
  return events;
}

describe('a loop that begins with the state of its task', () => {
  it('gets it first, then what follows, and the run has it', async () => {
    const task = folding();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(9);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    const loop = loopOf(run);
    const { value: first } = (await loop.next()) as { value: RunEvent };
    expect(first).toMatchObject({ type: 'state', data: { state: tallyOf(9), status: 'running' } });
    expect([run.state, run.status]).toEqual([tallyOf(9), 'running']);
    puppet.count(2);
    await puppet.end();
    const rest = await restOf(loop);
    expect(rest.map(seqOf)).toEqual([11, 12, 13]);
    expect(foldSeen([first, ...rest])).toEqual(tallyOf(11, { completed: 1 }));
    expect((await run.snapshot()).state).toEqual(tallyOf(11, { completed: 1 }));
    expect(run.state).toEqual(tallyOf(11, { completed: 1 }));
  });

  it('goes on where it was when its connection is cut, and gets no second one', async () => {
    const task = folding();
    const app = await serve(task);
    const puppet = await task.start(app);
    const relay = await Relay.open(app.port);
    puppet.count(3);
    const run = clientOf({ url: `${relay.origin}/stream` })
      .task('test', task.name)
      .attach(puppet.id);
    const loop = loopOf(run);
    const first = await loop.next();
    relay.cut();
    puppet.count(2);
    const second = await loop.next();
    await puppet.end();
    const rest = await restOf(loop);
    expect(typesOf([first.value as RunEvent, second.value as RunEvent, ...rest])).toEqual([
      'state',
      'n',
      'n',
      'completed',
    ]);
  });

  it('shares a connection with others that do', async () => {
    const task = folding();
    const app = await serve(task);
    const puppets: Puppet[] = [await task.start(app), await task.start(app)];
    for (const [n, puppet] of puppets.entries()) puppet.count(n + 1);
    const client = clientOf(app);
    const runs = puppets.map(({ id }) => client.task('test', task.name).attach(id));
    const loops = runs.map(loopOf);
    await Promise.all(loops.map((loop) => loop.next()));
    expect(runs.map(({ state }) => state)).toEqual([tallyOf(1), tallyOf(2)]);
    for (const puppet of puppets) await puppet.end();
    for (const loop of loops) expect(typesOf(await restOf(loop))).toEqual(['completed']);
    expect(app.asked.every((url) => url.includes('from=state'))).toBe(true);
    expect(app.asked[0]).toMatch(/^\/stream\/events\?/);
  });

  it('that falls behind has the state of the gap', async () => {
    const task = folding({ replay: { events: 4 } });
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(20);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    await puppet.end();
    const events = await readAll(run);
    expect(events[0]).toMatchObject({
      type: 'gap',
      data: { snapshot: { state: tallyOf(20, { completed: 1 }) } },
    });
    expect(events.slice(1).map(seqOf)).toEqual(range(19, 22));
    expect(run.state).toEqual(tallyOf(20, { completed: 1 }));
    expect(foldSeen(events)).toEqual(tallyOf(20, { completed: 1 }));
  });
});
