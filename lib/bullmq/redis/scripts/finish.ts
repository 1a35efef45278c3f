import { written } from './append.js';
import { end, events, lease, note, task } from './fragments.js';
import { Script } from './script.js';

/**
 * Ends a task. The first end counts. It is refused under a request to cancel that the run has not seen: it may end otherwise then, and its
 * outcome lists all of them.
 *
 * ARGV: as those of `append`, with the final value, the error and what watchers may see of it, each or '', before the events. The last event is the terminal one.
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
if not addFrom(14, seq) then return { 'lost' } end
keep()
noteState()
note('cancellation', cancellation)
note('finalValue', ARGV[11])
note('error', ARGV[12])
note('publicError', ARGV[13])
endAs(status, token)
tell()
return { 'taken' }
`);
