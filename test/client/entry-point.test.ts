import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'nestjs-streaming/client';
import { InstalledPackage } from '../support/programs/installed.js';
import { PuppetTask } from '../support/watching.js';
import { serve } from './support.js';

describe('nestjs-streaming/client', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = new InstalledPackage(['client'], ['eventsource-parser']);
  });
  afterAll(() => installed[Symbol.dispose]());

  it('has the client and its errors', () => {
    expect(Object.keys(client).toSorted()).toEqual([
      'StreamingConnectionError',
      'StreamingRequestError',
      'TaskCancelledError',
      'TaskFailedError',
      'TaskGoneError',
      'TaskTimeoutError',
      'createStreamingClient',
    ]);
  });

  it('works in a plain script, with nothing of Nest, RxJS or this server installed', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(2);
    await puppet.end({ ok: true });
    const { code, stdout, stderr } = await installed.run(`
      import { createStreamingClient } from 'nestjs-streaming/client';
      const run = createStreamingClient({ baseUrl: '${app.url}' }).task('test', '${task.name}').attach('${puppet.id}');
      const types = [];
      for await (const { type } of run) types.push(type);
      console.log(types.join(' '), JSON.stringify(await run.result()), globalThis.Reflect.getMetadata);
    `);
    expect(stderr).toBe('');
    expect(stdout).toBe('started n n completed {"ok":true} undefined\n');
    expect(code).toBe(0);
  });
});
