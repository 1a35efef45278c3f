import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { call } from '../support/clients/http-client.js';
import { adapters, createTaskApp, PuppetTask, watch } from '../support/watching.js';

// As `jest.useFakeTimers()` does.
describe.each(adapters)('a test that fakes setImmediate (%s)', (adapter) => {
  beforeEach(() => {
    jest.spyOn(globalThis, 'setImmediate').mockImplementation(() => {
      throw new Error('The global setImmediate was called');
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('gets the events of a stream, and the list', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { list: true } } });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(1);
    await stream.next('n');
    const list = await call('GET', `${new URL(puppet.url).origin}/stream`);
    expect(list).toMatchObject({ status: 200, body: { items: [{ status: 'running' }] } });
    await puppet.end();
    expect(await stream.ended).toBe('complete');
  });
});
