import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { call } from '../../../support/clients/http-client.js';
import { InstalledPackage } from '../../../support/programs/installed.js';
import { withTimeout } from '../../../support/wait.js';
import { adapters, epochOf, range, resumeAfter, seqOf, watch } from '../../../support/watching.js';

/** An application in a process of its own, whose tasks send five events and wait. */
const script = (adapter: string): string => `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { StreamingModule, StreamTask } from 'nestjs-streaming';

class WaitTask {
  async process(task) {
    for (let n = 1; n <= 5; n++) void task.sendEvent('n', n);
    await task.waitFor(new Promise(() => {}));
  }
}
StreamTask({ app: 'process', name: 'wait' })(WaitTask);
class AppModule {}
Module({ imports: [StreamingModule.forRoot({ http: { start: true } })], providers: [WaitTask] })(AppModule);
const adapter = ${JSON.stringify(adapter)} === 'fastify' ? [new FastifyAdapter()] : [];
const app = await NestFactory.create(AppModule, ...adapter, { logger: false });
await app.listen(Number(process.argv[2]), '127.0.0.1');
console.log(app.getHttpServer().address().port);
`;

const installed = InstalledPackage.withNest();
afterAll(() => installed[Symbol.dispose]());

/** Processes that really end and begin: nothing is told, closed or cleaned up. */
describe.each(adapters)('one process after the other (%s)', (adapter) => {
  const children = new Set<ChildProcess>();
  afterEach(async () => {
    await Promise.all([...children].map(kill));
  });

  async function serve(port = 0): Promise<{ child: ChildProcess; port: number; url: string }> {
    const child = spawn(
      process.execPath,
      [installed.write(`${adapter}.mjs`, script(adapter)), String(port)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    children.add(child);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await withTimeout(once(lines, 'line'), 15_000, 'the port of the process')) as [string];
    return { child, port: Number(line), url: `http://127.0.0.1:${line}/stream/process/wait/same` };
  }

  async function kill(child: ChildProcess): Promise<void> {
    children.delete(child);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  it('S40 S56 S5 what a process knew is gone with it: 404, then a gap; never an open stream, never a silent replay', async () => {
    const first = await serve();
    expect((await call('PUT', first.url)).status).toBe(201);
    const stream = await watch(first.url);
    await stream.nextEvents(6);
    const { lastEventId = '' } = stream;
    await kill(first.child);
    expect(await stream.ended).toBe('cut');

    const second = await serve(first.port);
    const unknown = await resumeAfter(second.url, lastEventId);
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 'TASK_NOT_FOUND' }]);
    expect((await call('PUT', second.url)).status).toBe(201);
    const back = await resumeAfter(second.url, lastEventId);
    await back.nextEvents(7);
    expect(back.events[0]).toMatchObject({ type: 'gap', data: { cause: 'restarted', missed: null } });
    expect(back.events.slice(1).map(seqOf)).toEqual(range(1, 6));
    expect(epochOf(back.events[1]!)).not.toBe(epochOf({ id: lastEventId }));
    await back.close();
  });

  it('S5 S14 the same id in two processes has two epochs, and a position of one is a gap in the other', async () => {
    const [one, two] = await Promise.all([serve(), serve()]);
    const epochs: string[] = [];
    let position = '';
    for (const { url } of [one, two]) {
      expect((await call('PUT', url)).status).toBe(201);
      const stream = await watch(url);
      await stream.nextEvents(6);
      epochs.push(epochOf(stream.events[0]!));
      position ||= stream.events[2]?.id ?? '';
      await stream.close();
    }
    expect(epochs[0]).not.toBe(epochs[1]);
    const there = await resumeAfter(two.url, position);
    await there.nextEvents(7);
    expect(there.events[0]).toMatchObject({ type: 'gap', data: { cause: 'restarted' } });
    expect(there.events.slice(1).map(seqOf)).toEqual(range(1, 6));
    await there.close();
  });
});
