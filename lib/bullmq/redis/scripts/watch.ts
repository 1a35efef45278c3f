import { task } from './fragments.js';
import { countWatchers } from './read.js';
import { Script } from './script.js';

/**
 * Says how many watch a task on one instance. That holds for some time, and has to be said again before.
 *
 * ARGV: publish, the instance, how many, for how many milliseconds, the epoch of the run that they watch.
 * Answers: 1 if that run is there, else 0. Those who watch an earlier one are not counted, nor do they touch its count.
 */
export const watch = new Script(/* lua */ `
${task}
${countWatchers}
if redis.call('HGET', record, 'epoch') ~= ARGV[5] then return 0 end
local before = countWatchers()
if ARGV[3] == '0' then redis.call('HDEL', watchers, ARGV[2])
else
  redis.call('HSET', watchers, ARGV[2], ARGV[3] .. ' ' .. string.format('%.0f', now() + ARGV[4]))
  redis.call('PEXPIRE', watchers, ARGV[4])
end
-- Its owner may wait for the first, or for the last to go.
if (before == 0) ~= (countWatchers() == 0) then
  local channel = redis.call('HGET', record, 'channel')
  if channel then redis.call('PUBLISH', channel, record) end
end
return 1
`);
