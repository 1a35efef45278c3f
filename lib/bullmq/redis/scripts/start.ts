import { task } from './fragments.js';
import { Script } from './script.js';
import { describe } from './read.js';

/**
 * Registers a task, unless it is there: running, or ended and still kept. An ended one is replaced where the caller asks for it.
 *
 * ARGV: publish, epoch, '1' to restart, how many milliseconds from now the first try may begin, then names and values of the record.
 * Answers: whether it is new, and the task; of one that was registered just now only when that was.
 */
export const start = new Script(/* lua */ `
${task}
${describe}
local epoch, status = unpack(redis.call('HMGET', record, 'epoch', 'status'))
if epoch and epoch ~= ARGV[2] then
  if ARGV[3] ~= '1' or not isEnded(status) then return { 0, describe() } end
  redis.call('DEL', record, log, requests, signals, watchers)
  epoch = false
end
if not epoch then
  local time = now()
  redis.call('HSET', record, 'epoch', ARGV[2], 'status', 'pending', 'attempt', 0, 'free', 0, 'createdAt', time,
    'first', 1, 'last', 0, 'bytes', 0, 'seen', 0)
  if ARGV[4] ~= '0' then redis.call('HSET', record, 'notBefore', time + ARGV[4]) end
  redis.call('HSET', record, unpack(ARGV, 5))
  tell()
  return { 1, time }
end
return { 1, describe() }
`);
