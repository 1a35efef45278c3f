import { afterAll, afterEach, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskEvent, TaskHandle } from 'nestjs-streaming';
import { keysOf } from '../../../lib/bullmq/redis/task-keys.js';
import { collect, type TaskApp } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { eventually } from '../../support/wait.js';
import { Instances } from '../support/instances.js';
import { Once, Resumed, Tried } from '../support/member-tasks.js';
import { MemberProcesses } from '../support/processes.js';
import { Random } from '../support/random.js';
import { expectWhole } from '../support/whole.js';

const processes = new MemberProcesses();
const leases = { lockDuration: 1_000, stalledInterval: 200 };
const types = [Once, Resumed, Tried];
const ends = ['returns', 'throws', 'ignores', 'defers', 'commits'];
/** How often a handler of each may be called. */
const mostCalls: Readonly<Record<string, number>> = { once: 1, tried: 2, resumed: Infinity };
/** A handler that was claimed may be called just behind a cancel, in milliseconds. */
const claimTime = 500;

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

interface Plan {
  /** How long its handler works, and how it ends. */
  readonly ms: number;
  readonly end: string;
  /** Milliseconds before it is started, and from there to each cancel. */
  readonly wait: number;
  readonly cancels: readonly number[];
}

interface Raced {
  readonly handle: TaskHandle;
  readonly end: string;
  readonly events: readonly TaskEvent[];
  /** When the first cancel was accepted, in epoch milliseconds; `undefined` where none was. */
  readonly accepted: number | undefined;
}

/** Starts a task on one instance, and cancels it on others. */
async function race(webs: readonly TaskApp[], random: Random, plan: Plan): Promise<Raced> {
  const { ms, end, wait, cancels } = plan;
  const type = random.oneOf(types);
  await delay(wait);
  const handle = await random.oneOf(webs).coordinator.start(type, { body: 'race', ms, end });
  const events = collect(random.oneOf(webs).coordinator.events(handle.ref));
  const accepted = await Promise.all(
    cancels.map(async (after) => {
      await delay(after);
      const isAccepted = await random.oneOf(webs).coordinator.cancelTask(handle.ref);
      return isAccepted ? [Date.now()] : [];
    }),
  );
  const all = await events.done;
  return { handle, end, events: all, accepted: accepted.flat().toSorted((a, b) => a - b)[0] };
}

function check({ handle, end, events, accepted }: Raced): void {
  expectWhole(events);
  const last = events.at(-1)!;
  const data = last.data as { errorType?: string };
  if (accepted === undefined) expect(last.type).not.toBe('cancelled');
  // A handler that throws behind a cancel has failed.
  else if (last.type !== 'failed' || end !== 'throws') expect(last.type).toBe('cancelled');
  else expect(data.errorType).not.toBe('WorkerLost');
  const calls = processes.callsOf(handle.ref);
  expect(calls.length).toBeLessThanOrEqual(mostCalls[handle.ref.name]!);
  // A process may be killed between the two.
  expect(calls.length).toBeLessThanOrEqual(events.filter(({ type }) => type === 'retrying').length + 1);
  for (const { at } of calls) if (accepted !== undefined) expect(at).toBeLessThan(accepted + claimTime);
}

/** What tasks ended as, and why. */
function endsOf(raced: readonly Raced[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { events } of raced) {
    const { type, data } = events.at(-1)!;
    const name = type === 'failed' ? (data as { errorType: string }).errorType : type;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describeWithRedis('races of 200 tasks', [], (server) => {
  /** Nothing is left that could run, and no log has got anything more. */
  async function expectQuiet({ prefix }: Instances, raced: readonly Raced[]): Promise<void> {
    const client = server.connect();
    for (const name of Object.keys(mostCalls)) {
      const queue = `${prefix}.test.${name}`;
      const parts = ['active', 'prioritized', 'delayed', '#pending'];
      await eventually(async () => {
        const left = await client.exists(parts.map((part) => `{${queue}}:${queue}:${part}`));
        expect(left).toBe(0);
      });
    }
    for (const { handle, events } of raced) {
      const { app, name, id } = handle.ref;
      const log = await client.xrange(keysOf(prefix, `${app}:${name}:${id}`).log, '-', '+');
      expect(log.map(([, [, type]]) => type)).toEqual(events.map(({ type }) => type));
      const status = events.at(-1)!.type;
      expect(await handle.outcome).toMatchObject({ status });
      expect(await handle.snapshot()).toMatchObject({ status });
    }
  }

  const kills = new Random();
  it(`that are cancelled and complete while their instance is killed: one end each, and no call too many ${kills.title}`, async () => {
    const instances = new Instances(server, types);
    const webs = [await instances.startWeb(), await instances.startWeb()];
    const members = Array.from({ length: 5 }, () => processes.prepare());
    await members[0]!.begin(server, instances.prefix, leases);
    const raced: Raced[] = [];
    for (let round = 0; round < 4; round++) {
      const races = Array.from({ length: 50 }, () =>
        race(webs, kills, {
          ms: kills.below(300),
          end: kills.oneOf(ends),
          wait: kills.below(200),
          cancels: Array.from({ length: kills.below(3) }, () => kills.below(300)),
        }),
      );
      await delay(100 + kills.below(150));
      members[round]!.signal('SIGKILL');
      await members[round + 1]!.begin(server, instances.prefix, leases);
      raced.push(...(await Promise.all(races)));
    }
    raced.forEach(check);
    await expectQuiet(instances, raced);
    expect(endsOf(raced)).toEqual({
      completed: expect.any(Number),
      cancelled: expect.any(Number),
      WorkerLost: expect.any(Number),
      Error: expect.any(Number),
    });
  });

  const cancels = new Random();
  it(`that are cancelled as they complete: one end each ${cancels.title}`, async () => {
    const instances = new Instances(server, types);
    const webs = [await instances.startWeb(), await instances.startWeb()];
    await Promise.all([1, 2].map(() => processes.start(server, instances.prefix, leases)));
    const raced = await Promise.all(
      Array.from({ length: 200 }, () => {
        const ms = cancels.below(60);
        const cancelled = [1, 2].map(() => Math.max(0, ms + cancels.below(12) - 4));
        return race(webs, cancels, {
          ms,
          end: cancels.oneOf(ends),
          wait: cancels.below(2_000),
          cancels: cancelled,
        });
      }),
    );
    raced.forEach(check);
    await expectQuiet(instances, raced);
    expect(endsOf(raced)).toEqual({
      completed: expect.any(Number),
      cancelled: expect.any(Number),
      Error: expect.any(Number),
    });
  });
});
