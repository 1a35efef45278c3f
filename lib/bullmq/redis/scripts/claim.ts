import { lease, task } from './fragments.js';
import { Script } from './script.js';
import { describe } from './read.js';

/**
 * Takes a task for one try. The owner before can write nothing from then on: each write names the lease.
 *
 * ARGV: publish, epoch, token, the channel of the instance, '1' for a task that goes on elsewhere after a loss,
 * how often its job has been fetched, and the time when the lock of that ends, or ''.
 * Answers: 'unknown', 'another-run' or 'ended'; 'stale' where a later fetch of the job has claimed it; 'late' behind the end of the lock; 'early' and in how many milliseconds its time comes; else a verdict, the task, its input, its checkpoint,
 * the requests to cancel, 1 if signals wait for it, and the time.
 * - 'run': a try begins
 * - 'resumed': likewise, after the instance of the last one was lost
 * - 'lost': the last try was lost, and none has begun
 * - 'cancelled': a request to cancel stands, and no try has begun
 */
export const claim = new Script(/* lua */ `
${task}
${lease}
${describe}
local fields = redis.call('HMGET', record, 'epoch', 'status', 'lease', 'claim', 'notBefore', 'fetch')
local epoch, status, owner, verdict, notBefore, fetch = unpack(fields)
local token = ARGV[3]
if not epoch then return { 'unknown' } end
if epoch ~= ARGV[2] then return { 'another-run' } end
if isEnded(status) then return { 'ended' } end
-- It was under way for longer than its lock lasts: the task is another's.
if tonumber(fetch or 0) > tonumber(ARGV[6]) then return { 'stale' } end
-- The clock of a worker may be ahead.
if not owner and notBefore then
  local wait = notBefore - now()
  if wait > 0 then return { 'early', wait } end
  redis.call('HDEL', record, 'notBefore')
end
if owner ~= token then
  -- The job may be another's by now, and the try that begins here would be a lost one.
  if ARGV[7] ~= '' and now() > tonumber(ARGV[7]) then return { 'late' } end
  if status == 'cancelling' then verdict = 'cancelled'
  elseif not owner then verdict = 'run'
  elseif ARGV[5] == '1' then verdict = 'resumed'
  else verdict = 'lost' end
  redis.call('HSET', record, 'lease', token, 'channel', ARGV[4], 'claim', verdict, 'fetch', ARGV[6])
  redis.call('HDEL', record, 'decided')
  if verdict == 'run' or verdict == 'resumed' then
    redis.call('HINCRBY', record, 'attempt', 1)
    redis.call('HSETNX', record, 'startedAt', now())
    redis.call('HSET', record, 'status', 'running')
  end
  if verdict == 'resumed' then redis.call('HINCRBY', record, 'free', 1) end
  tell()
end
local input, checkpoint = unpack(redis.call('HMGET', record, 'input', 'checkpoint'))
return { verdict, describe(), input, checkpoint, redis.call('LRANGE', requests, 0, -1), redis.call('EXISTS', signals), now() }
`);
