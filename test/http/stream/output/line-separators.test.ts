import { describe, expect, it } from '@jest/globals';
import type { SseStream } from '../../../support/clients/sse.js';
import { createTaskApp, type Puppet, PuppetTask, type TaskApp, watch } from '../../../support/watching.js';

const separators = /[\u0085\u2028\u2029]/;
const text = 'one\u2028two\u2029three\u0085four';

/** Some readers take these for the end of a line: httpx's `iter_lines()`, by Python's `str.splitlines()`. */
describe('U+0085, U+2028 and U+2029 in data', () => {
  async function serve(interceptEvents = false): Promise<{ app: TaskApp; puppet: Puppet; path: string }> {
    const task = new PuppetTask({ replay: { events: 2 } });
    const app = await createTaskApp({ tasks: [task.type], options: { http: { interceptEvents } } });
    const puppet = await task.start(app);
    return { app, puppet, path: `test/${task.name}/${puppet.id}` };
  }

  async function endOf(puppet: Puppet, stream: SseStream): Promise<void> {
    puppet.send('said', { [text]: text });
    await puppet.end({ text });
    expect(await stream.ended).toBe('complete');
    expect(stream.raw).not.toMatch(separators);
  }

  it.each([false, true])(
    'are escaped, and arrive as they were (interceptors see the events: %s)',
    async (isSeen) => {
      const { puppet } = await serve(isSeen);
      const stream = await watch(puppet.url);
      await endOf(puppet, stream);
      expect(stream.events.slice(1).map(({ data }) => data)).toEqual([
        { [text]: text },
        { finalValue: { text } },
      ]);
    },
  );

  it('also in the data of many tasks on one stream', async () => {
    const { app, puppet, path } = await serve();
    const stream = await watch(`${app.url}/events?task=${path}`);
    await endOf(puppet, stream);
    expect(stream.events[1]).toMatchObject({ data: { data: { [text]: text } } });
  });

  it('also in the snapshot of a gap, and in what is read from the log again', async () => {
    const { puppet } = await serve();
    await puppet.context.progress({ message: text });
    puppet.count(3);
    const stream = await watch(puppet.url);
    expect(await stream.next('gap')).toMatchObject({ data: { snapshot: { progress: { message: text } } } });
    await endOf(puppet, stream);
    const again = await watch(puppet.url);
    await again.ended;
    expect(again.events.at(-1)).toMatchObject({ data: { finalValue: { text } } });
    expect((await puppet.handle.snapshot()).finalValue).toEqual({ text });
  });
});
