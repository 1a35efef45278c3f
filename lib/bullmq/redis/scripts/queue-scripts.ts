import { Script } from './script.js';

/**
 * What is written beside the keys of a BullMQ queue, with the same hash tag.
 *
 * KEYS: of the queue, in the order of `queueKeysOf`.
 */
const queue = /* lua */ `
local wait, prioritized, delayed, active, paused = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local stalled, marker, pending, deadlines, looks = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Notes tasks that are about to start, as far as there is room for them.
 *
 * ARGV: how many may wait, how many one instance runs at once, how many of this instance were noted before and are not in the queue yet,
 * how many tasks there are, the key of each and the milliseconds from now when it has waited too long, or '', then the ids of jobs whose
 * tasks have ended: they take no place.
 * Answers: 1 for each, or 0 where there is no room.
 */
export const noteTasks = new Script(/* lua */ `
${queue}
local running, last = redis.call('LLEN', active), 4 + 2 * ARGV[4]
for i = last + 1, #ARGV do
  if redis.call('LPOS', active, ARGV[i]) then running = running - 1 end
end
local waiting = redis.call('LLEN', wait) + redis.call('LLEN', paused) + redis.call('ZCARD', prioritized)
  + redis.call('ZCARD', delayed) + ARGV[3]
local answers = {}
for i = 5, last, 2 do
  local hasRoom = ARGV[1] == 'Infinity' or waiting < ARGV[1] + math.max(0, ARGV[2] - running)
  if hasRoom then
    waiting = waiting + 1
    redis.call('ZADD', pending, now, ARGV[i])
    if ARGV[i + 1] ~= '' then redis.call('ZADD', deadlines, now + ARGV[i + 1], ARGV[i]) end
  end
  answers[#answers + 1] = hasRoom and 1 or 0
end
return answers
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

/** ARGV: the key of a task between two tries, and the milliseconds until its time is over. */
export const setDeadline = new Script(/* lua */ `
${queue}
redis.call('ZADD', deadlines, now + ARGV[2], ARGV[1])
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

/**
 * Asks whether the jobs whose locks ran out are given to others now. If the last question is too long ago, Redis was away, or no instance was
 * there. Then those that work on them have some time to renew their locks.
 *
 * ARGV: after how many milliseconds an instance should have asked again, and how many that time has.
 * Answers: 1 or 0.
 */
export const mayRevive = new Script(/* lua */ `
${queue}
local last, held = string.match(redis.call('GET', looks) or '0 0', '^(%d+) (%d+)$')
local most = tonumber(ARGV[1])
-- Not twice in a row: they would be left for good where all instances are slow.
if now - last > most and now - held > most and redis.call('LLEN', active) > 0 then held = now + ARGV[2] end
redis.call('SET', looks, string.format('%.0f %.0f', now, held), 'PX', 2 * most + ARGV[2])
return now < tonumber(held) and 0 or 1
`);
