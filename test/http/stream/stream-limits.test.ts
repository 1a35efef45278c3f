import { describe, expect, it } from '@jest/globals';
import { call } from '../../support/clients/http-client.js';
import { StoppedClock } from '../../support/stopped-clock.js';
import { eventually } from '../../support/wait.js';
import {
  adapters,
  codeOf,
  createTaskApp,
  expectNoHole,
  type Puppet,
  PuppetTask,
  range,
  resumeAfter,
  watch,
  watchRaw,
} from '../../support/watching.js';

interface KeyedRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const principal = ({ headers }: KeyedRequest): string | undefined => headers['x-user'];

describe.each(adapters)('places and age of streams (%s)', (adapter) => {
  async function serve(http: object, count = 1): Promise<Puppet[]> {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http } });
    return Promise.all(range(1, count).map(() => task.start(app)));
  }

  const by = (user: string): { headers: Record<string, string> } => ({ headers: { 'x-user': user } });

  it('maxStreamsPerPrincipal counts the streams of each for itself, over all tasks', async () => {
    const [one, two] = (await serve({ principal, maxStreamsPerPrincipal: 2 }, 2)) as [Puppet, Puppet];
    const first = await watch(one.url, by('ada'));
    await first.next('started');
    await (await watch(two.url, by('ada'))).next('started');
    for (const { url } of [one, two]) {
      const refused = await call('GET', url, by('ada'));
      expect(refused).toMatchObject({ status: 503, body: { code: 'TOO_MANY_STREAMS' } });
    }
    const told = await watch(one.url, by('ada'));
    expect(await told.ended).toBe('complete');
    expect(told.retry).toBeGreaterThanOrEqual(2_000);
    // Others are not touched, nor are requests of nobody.
    await (await watch(one.url, by('bob'))).next('started');
    for (let n = 0; n < 4; n++) await (await watch(one.url)).next('started');
    await first.close();
    await eventually(async () => {
      await (await watch(two.url, by('ada'))).next('started');
    });
  });

  it('maxStreamsPerPrincipal holds for requests that come all at once, and a stream of many tasks is one', async () => {
    const [one, two] = (await serve({ principal, maxStreamsPerPrincipal: 3 }, 2)) as [Puppet, Puppet];
    const { origin } = new URL(one.url);
    const path = (puppet: Puppet): string => new URL(puppet.url).pathname.replace('/stream/', '');
    const many = `${origin}/stream/events?task=${path(one)}&task=${path(two)}`;
    const streams = await Promise.all(range(1, 20).map(() => watch(many, by('ada'))));
    await eventually(() => expect(streams.filter(({ isOpen }) => isOpen)).toHaveLength(3));
  });

  it.each([
    ['maxStreams', { maxStreams: 1 }, () => ''],
    ['maxStreamsPerTask', { maxStreamsPerTask: 1 }, (path: string) => ` of the task ${path}`],
    [
      'maxStreamsPerPrincipal',
      { principal, maxStreams: 1, maxStreamsPerTask: 1, maxStreamsPerPrincipal: 1 },
      () => ' on your account',
    ],
  ])('over %s the 503 says so, and nothing of others', async (name, http, whose) => {
    const [one, two] = (await serve(http, 2)) as [Puppet, Puppet];
    await (await watch(two.url, by('ada'))).next('started');
    const { origin, pathname } = new URL(two.url);
    const path = pathname.replace('/stream/', '');
    const many = `${origin}/stream/events?task=${new URL(one.url).pathname.replace('/stream/', '')}&task=${path}`;
    for (const url of [two.url, many]) {
      expect((await call('GET', url, by('ada'))).body).toEqual({
        statusCode: 503,
        code: 'TOO_MANY_STREAMS',
        message: `As many streams${whose(path)} are open as "${name}" allows; try again later`,
        error: 'Service Unavailable',
      });
      const told = await watch(url, by('ada'));
      expect([told.status, await told.ended]).toEqual([200, 'complete']);
      expect(told.raw).toMatch(/^\n?retry: [0-9]+\n$/);
    }
  });

  it('maxStreamsPerPrincipal without a principal stops the start, and so does the one without the other', async () => {
    for (const http of [{ maxStreamsPerPrincipal: 3 }, { principal }]) {
      expect(await codeOf(() => createTaskApp({ options: { http } }))).toBe('INVALID_OPTIONS');
    }
    // No limit that is meant is one.
    await serve({ principal, maxStreamsPerPrincipal: Infinity });
  });

  it('a principal that is no text serves no stream, and ends no process', async () => {
    for (const wrong of [async () => Promise.reject(new Error('no')), () => 7, () => ({})]) {
      const [puppet] = (await serve({ principal: wrong, maxStreamsPerPrincipal: 1 })) as [Puppet];
      expect((await call('GET', puppet.url)).status).toBe(500);
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
    }
  });

  it('maxAge ends a stream so that its client comes back, and nothing is lost or doubled', async () => {
    const [puppet] = (await serve({ maxAge: 200 })) as [Puppet];
    const events = [];
    let id: string | undefined;
    for (let round = 0; round < 3; round++) {
      const stream = id === undefined ? await watch(puppet.url) : await resumeAfter(puppet.url, id);
      expect(stream.status).toBe(200);
      await eventually(() => {
        puppet.count(1);
        return !stream.isOpen;
      });
      expect(await stream.ended).toBe('complete');
      events.push(...stream.events);
      id = stream.lastEventId;
    }
    expect(events.at(-1)!.type).toBe('n');
    expectNoHole(events);
    expect(await puppet.handle.snapshot()).toMatchObject({ status: 'running', watchers: 0 });
  });

  it('maxAge ends the connection, too: its client may come back to another process', async () => {
    const [puppet] = (await serve({ maxAge: 50 })) as [Puppet];
    const client = await watchRaw(puppet.url);
    await client.closed;
    expect(client.received).toMatch(/: connected\n[^]*\r\n0\r\n\r\n$/);
  });

  it('streams that began together end at maxAge at the latest, and not all at once', async () => {
    using clock = new StoppedClock();
    const maxAge = 60_000;
    const [puppet] = (await serve({ maxAge })) as [Puppet];
    const streams = await Promise.all(range(1, 30).map(() => watch(puppet.url)));
    const watchersOf = async (): Promise<number> => (await puppet.handle.snapshot()).watchers;
    await eventually(async () => expect(await watchersOf()).toBe(30));
    const ends: number[] = [];
    while (clock.now() < maxAge) {
      await clock.advance(maxAge / 40);
      for (const watchers = await watchersOf(); ends.length < 30 - watchers;) ends.push(clock.now());
    }
    for (const stream of streams) expect(await stream.ended).toBe('complete');
    expect(ends).toHaveLength(30);
    expect(Math.min(...ends)).toBeGreaterThan(0.75 * maxAge);
    expect(Math.max(...ends) - Math.min(...ends)).toBeGreaterThan(0.05 * maxAge);
  });

  it.each([0, -1, NaN, '1000'])('maxAge: %p stops the start', async (maxAge) => {
    expect(await codeOf(() => createTaskApp({ options: { http: { maxAge: maxAge as number } } }))).toBe(
      'INVALID_OPTIONS',
    );
  });
});
