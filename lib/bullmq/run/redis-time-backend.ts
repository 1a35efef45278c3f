import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq';
import type { RedisClock } from '../redis/redis-clock.js';

/** Where the scripts of BullMQ that look which delayed jobs are due get the time: behind their keys and one argument. */
const timeAt: Readonly<Record<string, number>> = { moveToActive: 11 + 1, moveToFinished: 14 + 1 };

/** Where they answer when the next one is due. */
const NEXT_AT = 3;

type Command = (client: unknown, name: string, args: unknown[]) => Promise<unknown>;

/**
 * BullMQ's own for Redis, but for its clock. BullMQ compares when a job is due with the clock of each worker: one that is ahead would
 * take jobs before their time, one that is behind would leave them.
 */
export function redisTimeBackend(clock: RedisClock): BackendFactory<RedisQueueBackend> {
  return (...given) => {
    const backend = createRedisBackend(...given);
    const execCommand = backend.execCommand.bind(backend) as Command;
    const moveToDelayed = backend.moveToDelayed.bind(backend);
    const waitForJob = backend.waitForJob.bind(backend);
    const own: Pick<RedisQueueBackend, 'execCommand' | 'moveToDelayed' | 'waitForJob'> = {
      execCommand: (client, name, args: unknown[]) => {
        const at = timeAt[name];
        if (at === undefined || typeof args[at] !== 'number') return execCommand(client, name, args);
        return execCommand(client, name, args.with(at, clock.now)).then((answer) =>
          withNextHere(answer, clock),
        );
      },
      moveToDelayed: (id, _time, ...more) => moveToDelayed(id, clock.latest, ...more),
      waitForJob: async (timeout) => {
        const marker = await waitForJob(timeout);
        return marker && { ...marker, score: hereOf(marker.score, clock) };
      },
    };
    return Object.assign(backend, own);
  };
}

function withNextHere(answer: unknown, clock: RedisClock): unknown {
  if (!Array.isArray(answer)) return answer;
  const next: unknown = answer[NEXT_AT];
  return typeof next === 'number' ? (answer.with(NEXT_AT, hereOf(next, clock)) as unknown) : answer;
}

/** 0 is no time. */
function hereOf(time: number, clock: RedisClock): number {
  return time > 0 ? clock.here(time) : time;
}
