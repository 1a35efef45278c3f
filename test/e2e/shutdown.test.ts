import { afterEach, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { collect, createTaskApp, handlerTask, type TaskApp, type TaskAppOptions } from '../support/app.js';
import { RawSocket } from '../support/clients/raw-socket.js';
import { openStream, type SseStream } from '../support/clients/sse.js';
import { nestMajor } from './nest-major.js';
import { closeBound, eventually } from '../support/wait.js';

const TASKS = 100;
const STREAMS_PER_TASK = 2;

const Mixed = handlerTask(
  async (task) => {
    await task.progress(1);
    // The one that takes no notice of its signal.
    if (task.id === 'stubborn') await new Promise(() => {});
    await task.sleep(60_000);
  },
  { name: 'mixed' },
);

@Module({})
class Empty {}

interface Client {
  readonly id: string;
  readonly stream: SseStream;
}

describe('Shutdown with 100 running tasks and 200 open streams', () => {
  const streams: SseStream[] = [];
  const sockets: RawSocket[] = [];

  afterEach(async () => {
    await Promise.all(streams.splice(0).map((stream) => stream.close()));
    await Promise.all(sockets.splice(0).map((socket) => socket.close('reset')));
  });

  async function startAll(app: TaskApp, ids: readonly string[]): Promise<Client[]> {
    const { coordinator, url } = app;
    const handles = await Promise.all(ids.map((id) => coordinator.start(Mixed, {}, { id })));
    await Promise.all(handles.map((handle) => collect(handle.events()).until('progress')));
    const clients: Client[] = [];
    for (const id of ids) {
      for (let n = 0; n < STREAMS_PER_TASK; n++) {
        const stream = await openStream(`${url}/test/mixed/${id}`);
        streams.push(stream);
        clients.push({ id, stream });
      }
    }
    await Promise.all(clients.map(({ stream }) => stream.next('progress')));
    return clients;
  }

  async function expectAllTold(clients: readonly Client[]): Promise<void> {
    for (const { stream } of clients) {
      expect(await stream.ended).toBe('complete');
      expect(stream.events.map(({ type }) => type)).toEqual(['started', 'progress', 'cancelled']);
      expect(stream.events.at(-1)?.data).toMatchObject({ reason: 'shutdown' });
    }
  }

  const create = (options: TaskAppOptions['options'] = {}): Promise<TaskApp> =>
    createTaskApp({ tasks: [Mixed], adapter: 'express', options });
  const ids = Array.from({ length: TASKS }, (_, n) => `task-${n}`);

  it('tells every client, and closes in time without forceCloseConnections', async () => {
    const taskApp = await create();
    const clients = await startAll(taskApp, ids);
    expect(clients).toHaveLength(200);

    const began = performance.now();
    await taskApp.app.close();
    expect(performance.now() - began).toBeLessThan(closeBound);

    await expectAllTold(clients);
    expect(taskApp.logs.warnings).toEqual([]);
    expect(taskApp.logs.errors).toEqual([]);
    const report = await taskApp.coordinator.shutdown();
    expect(report).toMatchObject({ cancelled: TASKS, completed: 0, failed: 0, timedOut: 0, abandoned: [] });
  });

  it.each(['express', 'fastify'] as const)(
    'a connection that was never used is closed with forceCloseConnections (%s)',
    async (adapter) => {
      const { app, port } = await createTaskApp({ tasks: [Mixed], adapter, forceCloseConnections: true });
      const unused = await RawSocket.connect(port);
      sockets.push(unused);
      // So that the server knows of it.
      await RawSocket.get(port, '/none').then(async (socket) => {
        sockets.push(socket);
        await socket.until('404');
      });
      await app.close();
      await unused.closed;
    },
  );

  it('Fastify closes it where the application alone has the option on Nest 12, and not on Nest 11', async () => {
    const settings = { logger: false, abortOnError: false, forceCloseConnections: true } as const;
    const app = await NestFactory.create(Empty, new FastifyAdapter(), settings);
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const unused = await RawSocket.connect(port);
    sockets.push(unused);
    // So that the server knows of it.
    const used = await RawSocket.get(port, '/none');
    sockets.push(used);
    await used.until('404');
    const closing = app.close();
    const wait = nestMajor === 11 ? 300 : closeBound;
    const closed = await Promise.race([unused.closed.then(() => true), delay(wait, false)]);
    expect(closed).toBe(nestMajor !== 11);
    await unused.close('reset');
    await closing;
  });

  it('clients that would keep their connection are told and let go as well', async () => {
    const taskApp = await create();
    const { coordinator, port } = taskApp;
    const clients = await startAll(taskApp, ids.slice(0, 10));
    for (const id of ids.slice(0, 10)) {
      const socket = await RawSocket.get(port, `/stream/test/mixed/${id}`, { Connection: 'keep-alive' });
      sockets.push(socket);
      await socket.until('event: progress');
    }
    expect(
      (await coordinator.get({ app: 'test', name: 'mixed', id: 'task-0' }))?.watchers,
    ).toBeGreaterThanOrEqual(3);

    const began = performance.now();
    await taskApp.app.close();
    expect(performance.now() - began).toBeLessThan(closeBound);

    await expectAllTold(clients);
    for (const socket of sockets) {
      await socket.closed;
      expect(socket.went).toBe('ended');
      expect(socket.body).toMatch(/event: cancelled\ndata: .*"reason":"shutdown".*\nid: .*\n\n$/);
    }
  });

  it('with a handler that ignores its signal it returns at the timeout and names it', async () => {
    const timeout = 300;
    const taskApp = await create({ shutdown: { timeout } });
    const clients = await startAll(taskApp, [...ids.slice(1), 'stubborn']);
    const key = taskApp.coordinator.getTaskKey('test', 'mixed', 'stubborn');

    const began = performance.now();
    await taskApp.app.close();
    const elapsed = performance.now() - began;
    expect(elapsed).toBeGreaterThanOrEqual(timeout - 5);
    expect(elapsed).toBeLessThan(timeout + closeBound);

    await expectAllTold(clients);
    const data = clients.map(({ stream }) => stream.events.at(-1)?.data as { abandoned?: boolean });
    expect(data.filter(({ abandoned }) => abandoned === true)).toHaveLength(STREAMS_PER_TASK);
    const report = await taskApp.coordinator.shutdown();
    expect(report).toMatchObject({ cancelled: TASKS, abandoned: [key] });
    await eventually(() => {
      expect(taskApp.logs.warnings).toEqual([expect.stringContaining(key)]);
    });
  });
});
