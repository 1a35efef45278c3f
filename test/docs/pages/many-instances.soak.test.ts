import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { openStream } from '../../support/clients/sse.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

interface Snapshot {
  readonly status: string;
}

interface Rows {
  readonly rows: ReadonlyMap<string, number>;
}

describeWithRedis('the page on many instances', [], (server) => {
  const ofWorkers = new Examples(page('many-instances'));
  // The role is read when a module is loaded.
  const ofWeb = new Examples(page('many-instances'));

  beforeAll(() => {
    process.env['REDIS_URL'] = `redis://${server.host}:${server.port}`;
  });
  afterAll(() => {
    delete process.env['REDIS_URL'];
    delete process.env['ROLE'];
  });

  test('a web process leaves tasks to others, and one that closes hands them over', async () => {
    process.env['ROLE'] = 'web';
    const { ClusterModule: Web } = await ofWeb.load<{ ClusterModule: Type }>('cluster.module.ts');
    ofWeb.leaveOut('import-rows.task.ts');
    process.env['ROLE'] = 'worker';
    const { ClusterModule: Worker } = await ofWorkers.load<{ ClusterModule: Type }>('cluster.module.ts');
    const { RowTable } = await ofWorkers.load<{ RowTable: Type<Rows> }>('import-rows.task.ts');
    const workers: INestApplication[] = [];
    const startWorker = (): Promise<string> => listenTo(Worker, (app) => void workers.push(app));

    const task = `${await listenTo(Web)}/stream/cluster/ImportTask/x`;
    const started = await fetch(task, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ rows: 300 }),
    });
    expect(started.status).toBe(201);
    await using stream = await openStream(task);
    const { status } = (await (await fetch(`${task}/status`)).json()) as Snapshot;
    expect(status).toBe('pending');

    await startWorker();
    await stream.next('progress');
    await startWorker();
    await workers[0]!.close();
    expect((await stream.next('retrying')).data).toMatchObject({ attempt: 2, cause: 'handover' });
    expect((await stream.next('completed')).data).toEqual({ finalValue: { rows: 300 } });

    const [first, second] = workers.map((worker) => worker.get<Rows>(RowTable).rows);
    expect(first!.size).toBeLessThan(300);
    expect(new Set([...first!.keys(), ...second!.keys()]).size).toBe(300);
  });
});
