import { expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { listenTo } from '../support/listen.js';

describeWithRedis('the page on options', [], (server) => {
  const examples = new Examples(page('options'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('options of a factory', async () => {
    const { AsyncModule } = await load<{ AsyncModule: Type }>('async.module.ts');
    const origin = await listenTo(AsyncModule);
    const created = await fetch(`${origin}/tasks/async/ReportTask/x`, { method: 'PUT' });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/tasks/async/ReportTask/x');
  });

  test('an engine of many instances', async () => {
    process.env['REDIS_URL'] = `redis://${server.host}:${server.port}`;
    try {
      const { InstancesModule } = await examples.load<{ InstancesModule: Type }>('instances.module.ts');
      const [one, other] = [await listenTo(InstancesModule), await listenTo(InstancesModule)];
      const path = '/stream/instances/ReportTask/x';
      expect((await fetch(`${one}${path}`, { method: 'PUT' })).status).toBe(201);
      expect((await fetch(`${other}${path}`, { method: 'PUT' })).status).toBe(200);
      expect(await fetch(`${other}${path}`).then((answer) => answer.text())).toContain('event: completed');
    } finally {
      delete process.env['REDIS_URL'];
    }
  });
});
