import { Script } from './script.js';

/**
 * What is written beside the keys of a BullMQ queue, with the same hash tag.
 *
 * KEYS: of the queue, in the order of `queueKeysOf`.
 */
const queue = /* lua */ `
local wait, prioritized, delayed, active, paused = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local stalled, marker, pending, deadlines = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Notes a task that is about to start, if there is room for it.
 *
 * ARGV: its key, how many may wait, how many one instance runs at once, how many of this instance were noted and are not in the queue yet,
 * the milliseconds from now when it has waited too long, or '', then the ids of jobs whose tasks have ended: they take no place.
 * Answers: 1, or 0 where there is no room.
 */
export const noteTask = new Script(/* lua */ `
${queue}
local running = redis.call('LLEN', active)
for i = 6, #ARGV do
  if redis.call('LPOS', active, ARGV[i]) then running = running - 1 end
end
local waiting = redis.call('LLEN', wait) + redis.call('LLEN', paused) + redis.call('ZCARD', prioritized)
  + redis.call('ZCARD', delayed) + ARGV[4]
if ARGV[2] ~= 'Infinity' and waiting >= ARGV[2] + math.max(0, ARGV[3] - running) then return 0 end
redis.call('ZADD', pending, now, ARGV[1])
if ARGV[5] ~= '' then redis.call('ZADD', deadlines, now + ARGV[5], ARGV[1]) end
return 1
`);

/** ARGV: the keys of tasks that no longer wait for their first try. */
export const forgetPending = new Script(/* lua */ `
${queue}
redis.call('ZREM', pending, unpack(ARGV))
redis.call('ZREM', deadlines, unpack(ARGV))
`);

/**
 * ARGV: how many, and the milliseconds since a sweep last looked at them.
 * Answers: tasks that wait for their first try, those that have waited too long, and the time.
 */
export const duePending = new Script(/* lua */ `
${queue}
local old = redis.call('ZRANGEBYSCORE', pending, '-inf', now - ARGV[2], 'LIMIT', 0, ARGV[1])
for _, task in ipairs(old) do redis.call('ZADD', pending, now, task) end
return { old, redis.call('ZRANGEBYSCORE', deadlines, '-inf', now, 'LIMIT', 0, ARGV[1]), now }
`);

/** Answers: the time, in epoch milliseconds. */
export const tellTime = new Script(/* lua */ `
${queue}
return now
`);

/** Wakes a worker that waits for a job. */
export const wakeWorker = new Script(/* lua */ `
${queue}
redis.call('ZADD', marker, 0, '0')
`);

/**
 * Renews the locks of jobs. A lock that ran out is renewed, too, if the job is still active: while Redis was away no instance could take it.
 *
 * ARGV: the prefix of the keys of jobs, milliseconds, then the id of each job and its token.
 * Answers: the places of those that are lost, from 0. One job may be there twice: with the token of a run that has lost it, too.
 */
export const renewLocks = new Script(/* lua */ `
${queue}
local lost = {}
for i = 3, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local lock = ARGV[1] .. id .. ':lock'
  local owner = redis.call('GET', lock)
  if owner == token or (not owner and redis.call('LPOS', active, id)) then
    redis.call('SET', lock, token, 'PX', ARGV[2])
    redis.call('SREM', stalled, id)
  else
    lost[#lost + 1] = (i - 3) / 2
  end
end
return lost
`);
