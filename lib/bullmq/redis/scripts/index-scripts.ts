import { Script } from './script.js';

/**
 * The list of all tasks. Its keys have a hash tag of their own, so it is written beside a task, not in the same step: what reads it
 * looks whether a task is still there.
 *
 * KEYS: a sorted set of all tasks by their time, and one of the ended ones by the time when they are forgotten.
 */
const index = /* lua */ `
local all, ended = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- With nothing that runs, the list goes with the last task: no instance needs to be there.
local function expire()
  local newest = redis.call('ZREVRANGE', ended, 0, 0, 'WITHSCORES')
  if redis.call('ZCARD', all) > redis.call('ZCARD', ended) then
    redis.call('PERSIST', all)
    redis.call('PERSIST', ended)
  elseif newest[2] then
    redis.call('PEXPIREAT', all, newest[2])
    redis.call('PEXPIREAT', ended, newest[2])
  end
end
`;

/** ARGV: the keys of tasks that are about to start. One that is listed keeps its time. */
export const listTasks = new Script(/* lua */ `
${index}
for _, task in ipairs(ARGV) do redis.call('ZADD', all, 'NX', now, task) end
expire()
`);

/** ARGV: the keys of tasks that were started anew. */
export const relistTasks = new Script(/* lua */ `
${index}
for _, task in ipairs(ARGV) do
  redis.call('ZADD', all, now, task)
  redis.call('ZREM', ended, task)
end
expire()
`);

/** More that are too many go with the next ends. */
const maxExcess = 100;

/**
 * ARGV: how many ended tasks are kept, then the keys of tasks that have ended, each with its retention.
 * Answers: those that are too many, the oldest first. They are listed no more, so that one instance alone forgets them.
 */
export const listEnds = new Script(/* lua */ `
${index}
for i = 2, #ARGV, 2 do
  redis.call('ZADD', all, 'NX', now, ARGV[i])
  redis.call('ZADD', ended, now + ARGV[i + 1], ARGV[i])
end
local excess, oldest = redis.call('ZCARD', ended) - ARGV[1], {}
if excess > 0 then
  oldest = redis.call('ZRANGE', ended, 0, math.min(excess, ${maxExcess}) - 1)
  redis.call('ZREM', all, unpack(oldest))
  redis.call('ZREM', ended, unpack(oldest))
end
expire()
return oldest
`);

/** ARGV: the keys of tasks that are gone. */
export const unlistTasks = new Script(/* lua */ `
${index}
for _, task in ipairs(ARGV) do
  redis.call('ZREM', all, task)
  redis.call('ZREM', ended, task)
end
expire()
`);

/**
 * ARGV: how many.
 * Answers: tasks that are to be forgotten by now.
 */
export const dueTasks = new Script(/* lua */ `
${index}
return redis.call('ZRANGEBYSCORE', ended, '-inf', now, 'LIMIT', 0, ARGV[1])
`);

/**
 * ARGV: a time and a task that the page begins behind, or '' and '' to begin with the newest; how many.
 * Answers: keys and times, newest first.
 */
export const pageOfTasks = new Script(/* lua */ `
${index}
if ARGV[1] == '' then return redis.call('ZREVRANGE', all, 0, ARGV[3] - 1, 'WITHSCORES') end
local page, skipped, limit = {}, 0, tonumber(ARGV[3])
-- Tasks of one time are in the order of their keys.
while #page < limit * 2 do
  local some = redis.call('ZREVRANGEBYSCORE', all, ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', skipped, limit)
  if #some == 0 then break end
  skipped = skipped + #some / 2
  for i = 1, #some, 2 do
    if (some[i + 1] ~= ARGV[1] or some[i] < ARGV[2]) and #page < limit * 2 then
      page[#page + 1] = some[i]
      page[#page + 1] = some[i + 1]
    end
  end
end
return page
`);
