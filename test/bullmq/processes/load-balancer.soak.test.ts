import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { call as request, type Answer, expectError } from '../../support/clients/http-client.js';
import { watch as open } from '../../support/clients/open-clients.js';
import type { SseStream } from '../../support/clients/sse.js';
import { newPrefix } from '../../support/app/redis-engine.js';
import { freePort } from '../../support/programs/free-port.js';
import { describeBehindLoadBalancer } from '../../support/programs/load-balancer.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { eventually } from '../../support/wait.js';
import { type MemberProcess, MemberProcesses } from '../support/processes.js';
import { expectWhole } from '../support/whole.js';

/** An instance that a request goes to; `undefined` for whichever the load balancer chooses. */
type To = 1 | 2 | 3 | undefined;

const long = { body: 'rows', events: 10_000, pause: 10 };

describeBehindLoadBalancer('three instances behind the load balancer', (balance) => {
  describeWithRedis('behave as one application', [], (server) => {
    const processes = new MemberProcesses();
    const prefix = newPrefix();
    const leases = { lockDuration: 1_000, stalledInterval: 300 };
    const members: MemberProcess[] = [];
    const ports: number[] = [];
    let origin = '';

    beforeAll(async () => {
      for (let n = 0; n < 3; n++) ports.push(await freePort());
      const starting = ports.map((port) => processes.start(server, prefix, { ...leases, port }));
      members.push(...(await Promise.all(starting)));
    });
    beforeEach(async () => {
      origin = (await balance(ports)).url('http://127.0.0.1/');
    });
    afterAll(async () => {
      await processes.killAll();
      processes[Symbol.dispose]();
    });

    const toward = (to: To): Record<string, string> => (to ? { 'x-to': String(to) } : {});

    async function call(to: To, method: string, path: string, json?: unknown): Promise<Answer> {
      const answer = await request(method, `${origin}stream${path}`, { headers: toward(to), json });
      if (to) expect(answer.headers['x-from']).toBe(`127.0.0.1:${ports[to - 1]}`);
      return answer;
    }

    function watch(to: To, path: string, lastEventId?: string): Promise<SseStream> {
      const headers = { ...toward(to), ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
      return open(`${origin}stream${path}`, { headers });
    }

    async function start(to: To, name: string, input: unknown = long): Promise<string> {
      const path = `/test/${name}/${randomUUID()}`;
      expect((await call(to, 'PUT', path, input)).status).toBe(201);
      return path;
    }

    it('start on one, watch on another, cancel from a third; later ones hear that it is over', async () => {
      const path = await start(1, 'once');
      const streams = await Promise.all(([1, 2, 3, undefined] as const).map((to) => watch(to, path)));
      await Promise.all(streams.map((stream) => stream.next('n')));
      expect(await call(3, 'DELETE', `${path}?detail=enough`)).toMatchObject({
        status: 202,
        body: { cancelled: true, status: 'cancelling' },
      });
      for (const stream of streams) {
        expect((await stream.next('cancelled')).data).toMatchObject({
          reason: 'external_cancellation',
          detail: 'enough',
        });
        expect(await stream.ended).toBe('complete');
        expectWhole(stream.events);
        expect(stream.events).toEqual(streams[0]!.events);
      }
      for (const to of [1, 2, 3] as const) {
        expectError(await call(to, 'DELETE', path), 409, 'TASK_ENDED');
        expectError(await call(to, 'POST', `${path}/signals/go`, {}), 409, 'TASK_ENDED');
        expect((await call(to, 'GET', `${path}/status`)).body).toMatchObject({
          status: 'cancelled',
          lastEventId: streams[0]!.lastEventId,
        });
        expect((await watch(to, path, streams[0]!.lastEventId)).status).toBe(204);
        const late = await watch(to, path);
        await late.ended;
        expect(late.events).toEqual(streams[0]!.events);
      }
    });

    it('a stream goes on at another instance by its Last-Event-ID: nothing missing, nothing twice', async () => {
      const path = await start(1, 'once', { body: 'rows', events: 300, pause: 5 });
      const whole = await watch(2, path);
      const events = [];
      for (let to = 1, id: string | undefined; events.at(-1)?.type !== 'completed'; to = (to % 3) + 1) {
        const stream = await watch(to as To, path, id);
        await Promise.race([stream.nextEvents(30), stream.ended]).catch(() => undefined);
        await stream.close();
        events.push(...stream.events);
        id = stream.lastEventId ?? id;
      }
      await whole.ended;
      expectWhole(events);
      expect(events).toEqual(whole.events);
      const unknown = await watch(3, path, `other-${events.length}`);
      expect(await unknown.next('gap')).toMatchObject({ data: { cause: 'unknown-id', missed: null } });
      await unknown.ended;
      expect(unknown.events.slice(1)).toEqual(events);
    });

    it('starts one task of an id, whoever is asked', async () => {
      const path = `/test/resumed/${randomUUID()}`;
      const input = { body: 'rows', events: 20, pause: 10 };
      const answers = await Promise.all(
        ([1, 2, 3, undefined, undefined, 1] as const).map((to) => call(to, 'PUT', path, input)),
      );
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        200, 200, 200, 200, 200, 201,
      ]);
      const stream = await watch(undefined, path);
      await stream.next('completed');
      const [, , name = '', id = ''] = path.split('/');
      expect(processes.callsOf({ name, id })).toHaveLength(1);
      expect((await call(2, 'PUT', path, input)).status).toBe(200);
      expect(processes.callsOf({ name, id })).toHaveLength(1);
    });

    it('lists the tasks of all of them on each, page by page', async () => {
      const paths = [];
      for (const to of [1, 2, 3, 1, 2] as const) paths.push(await start(to, 'waiting', {}));
      const ids = paths.map((path) => path.split('/').at(-1)!).toReversed();
      for (const path of paths) await (await watch(undefined, path)).next('started');
      const seen: string[] = [];
      let cursor = '';
      for (let to = 1; cursor !== 'none'; to = (to % 3) + 1) {
        const query = `?name=waiting&status=running&limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
        const { body } = await call(to as To, 'GET', query);
        const { items, nextCursor } = body as { items: { id: string }[]; nextCursor?: string };
        seen.push(...items.map(({ id }) => id));
        cursor = nextCursor ?? 'none';
      }
      expect(seen).toEqual(ids);
      await Promise.all(
        paths.map(async (path) =>
          expect((await call(undefined, 'DELETE', `${path}?wait=5000`)).body).toMatchObject({
            status: 'cancelled',
          }),
        ),
      );
      const left = await call(3, 'GET', '?name=waiting&status=running');
      expect(left.body).toMatchObject({ items: [] });
    });

    it('signals reach the handler in order, from whichever instance', async () => {
      const path = await start(1, 'waiting', {});
      const stream = await watch(2, path);
      const sent = [];
      for (let n = 0; n < 12; n++) {
        sent.push(n);
        expect((await call(((n % 3) + 1) as To, 'POST', `${path}/signals/go`, { n })).status).toBe(202);
      }
      for (const n of sent) expect((await stream.next('signal')).data).toEqual({ n });
      const begun = performance.now();
      expect(await call(3, 'DELETE', `${path}?wait=5000`)).toMatchObject({
        status: 200,
        body: { status: 'cancelled' },
      });
      expect(performance.now() - begun).toBeLessThan(3_000);
      await stream.next('cancelled');
    });

    it('one stream of tasks that run anywhere goes on at another instance', async () => {
      const input = { body: 'rows', events: 60, pause: 10 };
      const paths = await Promise.all(([1, 2, 3] as const).map((to) => start(to, 'once', input)));
      const query = `/events?${paths.map((path) => `task=${path.slice(1)}`).join('&')}`;
      const first = await watch(1, query);
      await first.nextEvents(60);
      await first.close();
      const second = await watch(2, query, first.lastEventId);
      await second.ended;
      const events = [...first.events, ...second.events];
      for (const path of paths) {
        const own = events.filter(({ data }) => (data as { task: string }).task === path.slice(1));
        const { lastEventId } = await watch(3, path).then(async (stream) => {
          await stream.ended;
          return stream;
        });
        expect(own.map(({ data }) => (data as { id: string }).id.split('-').map(Number)[1])).toEqual(
          own.map((_event, n) => n + 1),
        );
        expect((own.at(-1)!.data as { id: string }).id).toBe(lastEventId);
      }
    });

    it('refuses the same way on each', async () => {
      for (const to of [1, 2, 3] as const) {
        expectError(await call(to, 'GET', '/test/once/none/status'), 404, 'TASK_NOT_FOUND');
        expectError(await call(to, 'DELETE', '/test/once/none'), 404, 'TASK_NOT_FOUND');
        expectError(await call(to, 'PUT', '/test/none/x', {}), 404, 'TASK_NOT_FOUND');
        expectError(await call(to, 'GET', '?limit=x'), 400, 'INVALID_QUERY');
        expect((await watch(to, '/test/once/none')).status).toBe(404);
      }
    });

    it('a client of an instance that is killed goes on at another one, and its task too', async () => {
      const path = await start(undefined, 'resumed', { body: 'rows', events: 200, pause: 10 });
      const first = await watch(undefined, path);
      const { pid } = (await first.next('pid')).data as { pid: number };
      // Watched where it runs.
      const to = (members.findIndex((member) => member.pid === pid) + 1) as 1 | 2 | 3;
      const watched = await watch(to, path);
      await watched.nextEvents(20);
      members[to - 1]!.signal('SIGKILL');
      expect(await watched.ended).not.toBe('closed');
      // It takes another one by itself.
      const again = await watch(undefined, path, watched.lastEventId);
      await again.next('completed');
      const events = [...watched.events, ...again.events];
      expectWhole(events);
      expect(events.filter(({ type }) => type === 'n')).toHaveLength(200);
      await eventually(async () => (await call(undefined, 'GET', '?limit=1')).status === 200);
    });
  });
});
