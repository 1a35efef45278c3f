import { end, events, task } from './fragments.js';
import { Script } from './script.js';

/** What it answers. */
export type EndPendingReply = 'ended' | 'begun' | 'early';

/**
 * Ends a task that waits for its first try.
 *
 * ARGV: publish, an id of the call, what it ends as, the least milliseconds of waiting, the reason, the data of the terminal event.
 * Answers: 'ended'; 'begun' where it waits no longer, or is gone; 'early' where it has not waited so long.
 */
export const endPending = new Script(/* lua */ `
${task}
${events}
${end}
local fields = redis.call('HMGET', record, 'status', 'startedAt', 'createdAt', 'notBefore', 'endedBy')
local status, startedAt, createdAt, notBefore, endedBy = unpack(fields)
if endedBy and endedBy == ARGV[2] then return 'ended' end
if status ~= 'pending' or startedAt then return 'begun' end
if ARGV[4] ~= '0' and now() < (notBefore or createdAt) + ARGV[4] then return 'early' end
add(ARGV[3], ARGV[6])
keep()
redis.call('HSET', record, 'cancellation', ARGV[5])
endAs(ARGV[3], ARGV[2])
tell()
return 'ended'
`);
