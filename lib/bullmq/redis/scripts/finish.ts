import { written } from './append.js';
import { end, events, lease, note, task } from './fragments.js';
import { Script } from './script.js';

/**
 * Ends a task. The first end counts. It is refused under a request to cancel that the run has not seen: it may end otherwise then, and its
 * outcome lists all of them.
 *
 * ARGV: as those of `append`, with the final value, the error, what watchers may see of it, and the state behind the terminal event, each or '', before
 * the events. The last event is the terminal one: the state before is kept, too.
 * Answers: 'taken', 'lost', or 'refused' and the requests.
 */
export const finish = new Script(/* lua */ `
${task}
${lease}
${note}
${events}
${written}
${end}
local by = redis.call('HGET', record, 'endedBy')
if by and by == token then return { 'taken' } end
if not owns(token) then return { 'lost' } end
local unseen = redis.call('LRANGE', requests, seen, -1)
if #unseen > 0 then return { 'refused', unseen } end
if not addFrom(16, seq) then return { 'lost' } end
keep()
noteState()
note('cancellation', cancellation)
note('finalValue', ARGV[12])
note('error', ARGV[13])
note('publicError', ARGV[14])
if ARGV[15] ~= '' then
  note('stateBefore', redis.call('HGET', record, 'state') or '')
  redis.call('HSET', record, 'state', ARGV[15])
end
endAs(status, token)
tell()
return { 'taken' }
`);
