import { written } from './append.js';
import { events, lease, note, task } from './fragments.js';
import { Script } from './script.js';

/**
 * Gives a task up that goes on later: between two tries, or on another instance. It is refused while it is being cancelled, and under
 * a request to cancel that the run has not seen.
 *
 * ARGV: as those of `append`, with, before the events, '1' for a try that costs none, and how many milliseconds from now the next
 * one may begin.
 * Answers: 'taken', 'lost', or 'refused' and the requests.
 */
export const release = new Script(/* lua */ `
${task}
${lease}
${note}
${events}
${written}
if redis.call('HGET', record, 'releasedBy') == token then return { 'taken' } end
if not owns(token) then return { 'lost' } end
local unseen = redis.call('LRANGE', requests, seen, -1)
-- It may say just now that it has withdrawn what it was cancelled for.
local standing = status == '' and redis.call('HGET', record, 'status') or status
if #unseen > 0 or standing == 'cancelling' then return { 'refused', unseen } end
if not addFrom(14, seq) then return { 'lost' } end
keep()
noteState()
redis.call('HDEL', record, 'lease', 'channel', 'claim', 'decided')
redis.call('HSET', record, 'releasedBy', token)
if ARGV[13] ~= '0' then redis.call('HSET', record, 'notBefore', now() + ARGV[13]) end
if ARGV[12] == '1' then redis.call('HINCRBY', record, 'free', 1) end
tell()
return { 'taken' }
`);
