import { end, events, task } from './fragments.js';
import { Script } from './script.js';

/** What it answers. */
export type CancelReply = 'cancelling' | 'cancelled' | 'decided' | 'ended' | 'unknown' | 'another-run';

/**
 * Asks for the end of a task, durably. The first reason that stands is the one that is told. Where no instance runs the task, it ends at
 * once.
 *
 * ARGV: publish, the id of the request, an epoch or '' for any run, the request, its reason, the data of the event `cancelled`, and how
 * many requests are kept.
 * Answers: see {@link CancelReply}.
 */
export const cancel = new Script(/* lua */ `
${task}
${events}
${end}
local id, request, reason = ARGV[2], ARGV[4], ARGV[5]
local fields = redis.call('HMGET', record, 'epoch', 'status', 'lease', 'channel', 'decided', 'endedBy')
local epoch, status, owner, channel, decided, endedBy = unpack(fields)
if not epoch then return 'unknown' end
if ARGV[3] ~= '' and ARGV[3] ~= epoch then return 'another-run' end
if isEnded(status) then
  if endedBy == id then return 'cancelled' end
  return 'ended'
end
if decided then return 'decided' end
if not owner then
  add('cancelled', ARGV[6])
  keep()
  redis.call('HSET', record, 'cancellation', reason)
  endAs('cancelled', id)
  tell()
  return 'cancelled'
end
local kept = redis.call('LRANGE', requests, 0, -1)
for _, earlier in ipairs(kept) do
  if earlier == request then return 'cancelling' end
end
if #kept < tonumber(ARGV[7]) then redis.call('RPUSH', requests, request) end
if status ~= 'cancelling' then
  redis.call('HSET', record, 'status', 'cancelling', 'cancellation', reason)
  tell()
end
redis.call('PUBLISH', channel, record)
return 'cancelling'
`);
