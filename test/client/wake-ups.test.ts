/** A page that sleeps: what Node lacks of one is put there. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../support/wait.js';
import { completed, frame, html, OPEN, readAll, runOf, ScriptedServer, stream, typesOf } from './support.js';

const started = frame('epoch-1', 'started', { attempt: 1 });
const day = 86_400_000;

describe('a stream is opened again at once', () => {
  let page: EventTarget;
  let listeners: Set<string>;
  const document = { hidden: false };

  beforeEach(() => {
    page = new EventTarget();
    listeners = new Set();
    Object.assign(globalThis, {
      document,
      addEventListener(type: string, listener: () => void) {
        listeners.add(type);
        page.addEventListener(type, listener);
      },
      removeEventListener(type: string, listener: () => void) {
        listeners.delete(type);
        page.removeEventListener(type, listener);
      },
    });
  });
  afterEach(() => {
    for (const name of ['document', 'addEventListener', 'removeEventListener']) {
      Reflect.deleteProperty(globalThis, name);
    }
  });

  it.each<[string, object]>([
    ['online', {}],
    ['pageshow', { persisted: true }],
    ['resume', {}],
  ])('on %s', async (type, facts) => {
    const server = await ScriptedServer.open(stream(started, OPEN), stream(completed(2)));
    const run = runOf(server);
    const reading = readAll(run);
    await eventually(() => expect(run.status).toBe('running'));
    page.dispatchEvent(Object.assign(new Event(type), facts));
    expect(typesOf(await reading)).toEqual(['started', 'completed']);
    expect(server.asked[1]?.headers['last-event-id']).toBe('epoch-1');
    await eventually(() => expect(listeners.size).toBe(0));
  });

  it('when a page that was left is back, and not before', async () => {
    const server = await ScriptedServer.open(stream(started, OPEN), stream(completed(2)));
    const other = await ScriptedServer.open(html());
    const run = runOf(server);
    const reading = readAll(run);
    await eventually(() => expect(run.status).toBe('running'));
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true }));
    // A stream that was opened again would be asked for by then.
    for (let n = 0; n < 3; n++) await (await fetch(other.url)).text();
    for (const type of ['resume', 'visibilitychange']) page.dispatchEvent(new Event(type));
    for (let n = 0; n < 3; n++) await (await fetch(other.url)).text();
    expect(server.asked).toHaveLength(1);
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect(typesOf(await reading)).toEqual(['started', 'completed']);
    expect(server.asked[1]?.headers['last-event-id']).toBe('epoch-1');
    await eventually(() => expect(listeners.size).toBe(0));
  });

  it('not in a page that is left, when nobody reads any more', async () => {
    const server = await ScriptedServer.open(stream(started, OPEN));
    const run = runOf(server);
    const events = run.events();
    await events.next();
    const waiting = events.next();
    page.dispatchEvent(new Event('pagehide'));
    await events.return?.();
    expect(await waiting).toMatchObject({ done: true });
    await eventually(() => expect(listeners.size).toBe(0));
    expect(server.asked).toHaveLength(1);
  });

  it('on visibilitychange, when a heartbeat was missed', async () => {
    const server = await ScriptedServer.open(stream(started, OPEN), stream(completed(2)));
    const other = await ScriptedServer.open(html());
    const run = runOf(server, { heartbeatTimeout: day });
    const reading = readAll(run);
    await eventually(() => expect(run.status).toBe('running'));
    page.dispatchEvent(new Event('visibilitychange'));
    // A stream that was opened again would be asked for by then.
    for (let n = 0; n < 3; n++) await (await fetch(other.url)).text();
    expect(server.asked).toHaveLength(1);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + day / 3 + 1);
    try {
      page.dispatchEvent(new Event('visibilitychange'));
    } finally {
      clock.mockRestore();
    }
    expect(typesOf(await reading)).toEqual(['started', 'completed']);
    expect(server.asked).toHaveLength(2);
  });

  it('on online, though the next try is far away', async () => {
    const server = await ScriptedServer.open(html(502), stream(started, completed(2)));
    const run = runOf(server, { retry: { min: day, max: day } });
    const reading = readAll(run);
    await eventually(() => expect(run.connection).toBe('reconnecting'));
    page.dispatchEvent(new Event('online'));
    expect(typesOf(await reading)).toEqual(['started', 'completed']);
  });
});
