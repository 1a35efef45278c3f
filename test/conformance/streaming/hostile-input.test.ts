import { describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { StreamingModuleOptions, TaskAuthorizer } from 'nestjs-streaming';
import { isLate } from '../../support/app/store.js';
import { call } from '../../support/clients/http-client.js';
import {
  adapters,
  codeOf,
  connectRaw,
  createTaskApp,
  epochOf,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  taskRoutes,
  watch,
} from '../../support/watching.js';

const lineEnds = ['\n', '\r', '\r\n'];
const lifecycle = ['started', 'retrying', 'cancelling', 'gap', 'completed', 'failed', 'cancelled', 'timeout'];

describe.each(adapters)('hostile events (%s)', (adapter) => {
  it('A1 A5 A11 types with line ends, NUL or foreign characters, and reserved ones, throw at the call', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    const types: unknown[] = [
      ...lineEnds.flatMap((end) => [end, `a${end}`, `${end}a`, `a${end}data: evil`]),
      'a\0',
      '\0',
      '',
      ' ',
      'a b',
      'ä',
      '💥',
      'x'.repeat(65),
      'a\u2028b',
      '\uFEFFa',
      ...lifecycle,
      'open',
      'error',
      undefined,
      null,
      1,
      {},
      ['a'],
      { toString: () => 'a' },
    ];
    for (const type of types) {
      // At the call: a rejection would come too late for a handler that does not await.
      let thrown: unknown;
      try {
        void puppet.context.sendEvent(type as string, 1);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ name: 'InvalidEventError', code: 'INVALID_EVENT' });
    }
    puppet.send('x'.repeat(64));
    puppet.send('A-z.0_9:b', 1);
    puppet.send('__proto__', 1);
    puppet.send('message', 1);
    await puppet.end();
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual([
      'started',
      'x'.repeat(64),
      'A-z.0_9:b',
      '__proto__',
      'message',
      'completed',
    ]);
  });

  it('A3 A8 line ends and framing in data come back unchanged, and the data is one line', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const texts = [
      ...lineEnds,
      'a\nb\rc\r\nd\n\re',
      'x\n\nevent: admin\ndata: {"admin":true}\n\n',
      'x\r\rid: 99\r\r',
      ': comment\nretry: 1\n',
      '\u2028\u2029\u0085\u000B\u000C',
      '\uFEFF',
      ' leading and trailing ',
      '\0',
    ];
    for (const text of texts) puppet.send('text', text);
    puppet.send('key', { 'a\nevent: admin\n\n': 1 });
    await puppet.end({ text: 'x\n\nevent: admin\n' });
    const stream = await watch(puppet.url);
    await stream.ended;
    expect(stream.events.filter(({ type }) => type === 'text').map(({ data }) => data)).toEqual(texts);
    expect(stream.events.map(({ type }) => type)).toEqual([
      'started',
      ...texts.map(() => 'text'),
      'key',
      'completed',
    ]);
    const blocks = stream.raw.slice(stream.raw.indexOf('event: started')).split('\n\n');
    expect(blocks.pop()).toBe('');
    for (const block of blocks)
      expect(block).toMatch(/^event: [a-z]+\ndata: [^\n\r]+\nid: [a-z0-9]+-[0-9]+$/);
  });

  it('A7 lone surrogates leave the stream well-formed UTF-8 and its JSON readable', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const values = ['\uD800', 'a\uDC00b', { '\uDBFF': '\uD83D' }, ['\uDE00\uD83D'], '😀'];
    for (const value of values) puppet.send('text', value);
    await puppet.end();
    const response = await fetch(puppet.url);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await response.arrayBuffer());
    expect(text).not.toContain('\uFFFD');
    const lines = text.split('\n').filter((line) => line.startsWith('data: '));
    const read = lines.map((line) => JSON.parse(line.slice(6)) as unknown);
    expect(read.slice(1, -1)).toEqual(values);
  });

  it('A7 A3 the texts of a cancel are treated like any other data', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    const detail = `x\n\nevent: admin\ndata: 1\n\n\uD800${'💥'.repeat(300)}`;
    await puppet.handle.cancel({ detail });
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'cancelled']);
    const { detail: told = '' } = stream.events[1]!.data as { detail?: string };
    expect(told.length).toBeLessThanOrEqual(500);
    expect(told.length).toBeGreaterThan(490);
    expect(detail.startsWith(told)).toBe(true);
    expect(told.endsWith('💥')).toBe(true);
  });

  it('A10 maxEventBytes counts bytes and not characters, and the task goes on', async () => {
    const task = new PuppetTask({ maxEventBytes: 100 });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const tooBig = async (data: unknown): Promise<unknown> => codeOf(() => puppet.send('data', data));
    // Two quotes and what is between them.
    expect(await tooBig('x'.repeat(98))).toBe('nothing was thrown');
    expect(await tooBig('x'.repeat(99))).toBe('INVALID_EVENT');
    expect(await tooBig('ä'.repeat(49))).toBe('nothing was thrown');
    expect(await tooBig('ä'.repeat(50))).toBe('INVALID_EVENT');
    expect(await tooBig('💥'.repeat(24))).toBe('nothing was thrown');
    expect(await tooBig('💥'.repeat(25))).toBe('INVALID_EVENT');
    expect(await tooBig('\n'.repeat(49))).toBe('nothing was thrown');
    expect(await tooBig('\n'.repeat(50))).toBe('INVALID_EVENT');
    await puppet.end('still well');
    expect(await puppet.handle.result).toBe('still well');
  });

  it('A10 a result over maxEventBytes is failed, not a stream without an end', async () => {
    const task = new PuppetTask({ maxEventBytes: 100 });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await puppet.end('ä'.repeat(50));
    await stream.ended;
    expect(stream.events.at(-1)).toMatchObject({ type: 'failed', data: { errorType: 'InvalidResultError' } });
    expect(await codeOf(() => puppet.handle.result)).toBe('INVALID_RESULT');
  });
});

describe.each(adapters)('hostile ids (%s)', (adapter) => {
  const badIds = [
    '.',
    '..',
    '',
    'a b',
    'a\nb',
    'a\r\nb',
    'a\0',
    'a/b',
    'a:b',
    'ä',
    '💥',
    'x'.repeat(101),
    'a\u2028',
  ];

  it('A2 A5 a malformed id is refused in code, and nothing is started', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const { coordinator } = app;
    for (const id of badIds) {
      expect(await codeOf(() => coordinator.start(task.type, {}, { id }))).toBe('INVALID_TASK_ID');
      const ref = { app: 'test', name: task.name, id };
      expect(await coordinator.cancelTask(ref)).toBe(false);
      expect(await coordinator.get(ref)).toBeUndefined();
      expect(await coordinator.isTaskRunning(ref.app, ref.name, ref.id)).toBe(false);
      expect(await codeOf(() => coordinator.getTaskKey(ref.app, ref.name, ref.id))).toBe('INVALID_TASK_ID');
    }
    expect((await coordinator.list()).items).toEqual([]);
    expect(task.calls).toBe(0);
  });

  it('A2 A5 a malformed id is 400 over HTTP, on every route', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { start: true } } });
    for (const id of [
      '%2e',
      '%2e%2e',
      'a%20b',
      'a%0ab',
      'a%0d%0aX-Evil:%201',
      'a%00',
      'a%2fb',
      '%F0%9F%92%A5',
      'a%3ab',
    ]) {
      const client = await connectRaw(app.port);
      for (const [method, rest] of taskRoutes) {
        client.received = '';
        // By hand: a URL parser would resolve the dots.
        client.request(method, `/stream/test/${task.name}/${id}${rest}`, { 'Content-Length': '0' });
        await client.until('"code":"INVALID_TASK_ID"');
        expect(client.status).toBe(400);
        expect(client.received).not.toMatch(/^X-Evil/im);
      }
    }
    expect(task.calls).toBe(0);
  });

  it('A16 a log is found by the whole key: the same id elsewhere shares nothing', async () => {
    const one = new PuppetTask({ app: 'first', name: 'same' });
    const two = new PuppetTask({ app: 'second', name: 'same' });
    const three = new PuppetTask({ app: 'first', name: 'Same' });
    const app = await createTaskApp({ adapter, tasks: [one.type, two.type, three.type] });
    const [first, second, third] = [
      await one.start(app, { id: 'x' }),
      await two.start(app, { id: 'x' }),
      await three.start(app, { id: 'x' }),
    ];
    first.send('mine', 'first');
    second.send('mine', 'second');
    third.send('mine', 'third');
    await Promise.all([first.end(), second.end(), third.end()]);
    for (const [puppet, text] of [
      [first, 'first'],
      [second, 'second'],
      [third, 'third'],
    ] as const) {
      for (const other of [first, second, third]) {
        const { lastEventId } = await other.handle.snapshot();
        const own = other === puppet;
        const position = own ? `${epochOf({ id: lastEventId ?? '' })}-1` : (lastEventId ?? '');
        const stream = await resumeAfter(puppet.url, position);
        await stream.ended;
        expect(stream.events.filter(({ type }) => type === 'mine').map(({ data }) => data)).toEqual([text]);
        expect(stream.events[0]?.type).toBe(own ? 'mine' : 'gap');
      }
    }
  });

  it('A15 where the authorizer hides, a good position, a bad one and no task at all answer the same', async () => {
    @Injectable()
    class Hiding implements TaskAuthorizer {
      authorize(): 'hide' {
        return 'hide';
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { authorize: Hiding } });
    const puppet = await task.start(app, { id: 'there' });
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    const epoch = epochOf({ id: lastEventId ?? '' });
    const ask = async (id: string, position?: string): Promise<unknown> => {
      const { status, headers, text } = await call('GET', task.urlOf(app, id), {
        headers: position === undefined ? {} : { 'last-event-id': position },
      });
      const { date: _date, etag: _etag, 'content-length': _length, ...rest } = headers;
      return { status, rest, text: text.replaceAll(id, 'ID') };
    };
    const none = await ask('not-there');
    expect(none).toMatchObject({ status: 404 });
    for (const position of [undefined, `${epoch}-1`, lastEventId ?? '', 'bad', 'otherother-2']) {
      expect(await ask('there', position)).toEqual(none);
      expect(await ask('not-there', position)).toEqual(none);
    }
  });

  it('A17 event ids show nothing of time, of order or of each other', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const epochs: string[] = [];
    for (let n = 0; n < 40; n++) {
      const puppet = await task.start(app);
      epochs.push(epochOf({ id: (await puppet.handle.snapshot()).lastEventId ?? '' }));
      await puppet.end();
    }
    expect(new Set(epochs).size).toBe(40);
    expect(epochs.toSorted()).not.toEqual(epochs);
    const [first = '', second = ''] = epochs;
    const shared = range(0, first.length - 1).filter((at) => first.charAt(at) === second.charAt(at)).length;
    expect(shared).toBeLessThan(first.length / 2);
  });

  it('A18 a hundred watchers that want the whole log cost its encoding once', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    puppet.count(200);
    const from = jest.spyOn(Buffer, 'from');
    try {
      const streams = await Promise.all(range(1, 100).map(() => watch(puppet.url)));
      await puppet.end();
      await Promise.all(streams.map((stream) => stream.ended));
      for (const { events } of streams) expect(events.map(seqOf)).toEqual(range(1, 202));
      const encoded = (from.mock.calls as unknown[][]).filter(
        ([text]) => typeof text === 'string' && /^[0-9a-f]+\r\nevent: /.test(text),
      );
      // Events that come from elsewhere are dropped soon, and encoded again for those who come later.
      if (isLate) expect(encoded.length).toBeLessThan(10 * 202);
      else expect(encoded).toHaveLength(202);
    } finally {
      from.mockRestore();
    }
  });
});

describe.each(adapters)('hostile options (%s)', (adapter) => {
  it.each([
    ['http.retry', { http: { retry: '2000\nid: evil' } }],
    ['http.retry', { http: { retry: '2000' } }],
    ['http.retry', { http: { retry: 2 ** 31 } }],
    ['http.retry', { http: { retry: NaN } }],
    ['http.heartbeat', { http: { heartbeat: '15000\n' } }],
    ['http.heartbeat', { http: { heartbeat: 0 } }],
    ['http.heartbeat', { http: { heartbeat: -1 } }],
  ])('A4 a wrong %s stops the start, and the error names it', async (option, options) => {
    const starting = createTaskApp({ adapter, options: options as StreamingModuleOptions });
    await expect(starting).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining(`"${option}"`) as unknown,
    });
  });
});
