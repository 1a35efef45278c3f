import { afterAll, expect, it } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { InstalledPackage } from '../../../support/programs/installed.js';
import { describeWithNetwork, type Network } from '../../../support/programs/network.js';
import { deferred, eventually, withTimeout } from '../../../support/wait.js';
import { adapters } from '../../../support/watching.js';

/** An application in a process of its own. Told "send", it sends much; told anything, it says how it stands. */
const script = (adapter: string, address: string): string => `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createInterface } from 'node:readline';
import { CoordinatorService, StreamingModule, StreamTask } from 'nestjs-streaming';

class PuppetTask {
  async process(task) {
    contexts.set(task.id, task);
    await new Promise(() => {});
  }
}
const contexts = new Map();
StreamTask({ app: 'net', name: 'puppet', replay: { bytes: 4_000_000 } })(PuppetTask);
class AppModule {}
// The watcher that takes nothing is to be given up by the kernel, and by nobody before.
const http = { heartbeat: 100, stallTimeout: 600_000 };
Module({ imports: [StreamingModule.forRoot({ http })], providers: [PuppetTask] })(AppModule);
const adapter = ${JSON.stringify(adapter)} === 'fastify' ? [new FastifyAdapter()] : [];
const app = await NestFactory.create(AppModule, ...adapter, { logger: false });
const responses = [];
app.getHttpServer().on('request', (request, response) => {
  responses.push({ response, socket: request.socket, id: request.url.split('/').at(-1) });
});
await app.listen(0, ${JSON.stringify(address)});
const coordinator = app.get(CoordinatorService);
const handles = [];
for (const id of ['silent', 'busy']) handles.push(await coordinator.start(PuppetTask, {}, { id }));
const report = async () => {
  const watchers = {};
  for (const handle of handles) watchers[handle.id] = (await handle.snapshot()).watchers;
  const open = responses.filter(({ socket }) => !socket.destroyed);
  const waiting = Math.max(0, ...open.map(({ socket }) => socket.writableLength));
  const errors = responses.map(({ socket }) => socket.errored?.code).filter(Boolean);
  console.log(JSON.stringify({ port: app.getHttpServer().address().port, watchers, waiting, errors }));
};
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'send') void contexts.get('busy').sendEvent('big', 'x'.repeat(100_000));
  void report();
});
await report();
`;

interface Report {
  readonly port: number;
  readonly watchers: { readonly silent: number; readonly busy: number };
  /** What waits in the server's memory for one client, at most. */
  readonly waiting: number;
  readonly errors: readonly string[];
}

/** The lines that a process writes. */
class Lines {
  readonly all: string[] = [];
  #next = deferred<string>();

  constructor(child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.all.push(line);
      this.#next.resolve(line);
      this.#next = deferred();
    });
  }

  next(): Promise<string> {
    return withTimeout(this.#next.promise, 15_000, 'a line');
  }
}

describeWithNetwork('a network that drops everything', (network: Network) => {
  const installed = InstalledPackage.withNest();
  afterAll(() => installed[Symbol.dispose]());

  it.each(adapters)(
    'S53 A23 a peer that answers nothing at all is gone when the kernel gives it up, and costs no more until then (%s)',
    async (adapter) => {
      network.mend();
      const path = installed.write(`${adapter}.mjs`, script(adapter, network.address));
      const server = network.spawn('server', process.execPath, [path]);
      const lines = new Lines(server);
      const parse = (line: string): Report => JSON.parse(line) as Report;
      const tell = async (line: string): Promise<Report> => {
        const answer = lines.next();
        server.stdin!.write(`${line}\n`);
        return parse(await answer);
      };
      const { port } = parse(await lines.next());
      const watch = (side: 'server' | 'client', id: string): Lines =>
        new Lines(
          network.spawn(side, 'curl', ['-sN', `http://${network.address}:${port}/stream/net/puppet/${id}`]),
        );
      const far = [watch('client', 'silent'), watch('client', 'busy')];
      const near = watch('server', 'silent');
      for (const { all } of [...far, near]) await eventually(() => all.includes('event: started'));
      expect((await tell('report')).watchers).toEqual({ silent: 2, busy: 1 });

      network.cut();
      const cutAt = performance.now();
      const heard = near.all.length;
      let most = 0;
      // Far more than a socket takes, so that it would show if it were kept for a watcher.
      for (let n = 0; n < 200; n++) most = Math.max(most, (await tell('send')).waiting);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThan(1_000_000);
      // Nobody has been told yet; and the heartbeat goes on for whoever is there.
      expect((await tell('report')).watchers).toEqual({ silent: 2, busy: 1 });
      await eventually(() => near.all.length > heard + 3);

      await eventually(async () => expect((await tell('report')).watchers).toEqual({ silent: 1, busy: 0 }), {
        timeout: 15_000,
        interval: 50,
      });
      expect(performance.now() - cutAt).toBeGreaterThan(1_000);
      const { errors, waiting } = await tell('report');
      // Both by the kernel's own word, and not for any reason of ours.
      expect(errors).toHaveLength(2);
      for (const code of errors) expect(code).toMatch(/^(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/);
      expect(waiting).toBe(0);
    },
  );
});
