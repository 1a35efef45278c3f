import { end, events, task } from './fragments.js';
import { Script } from './script.js';

/** What it answers. */
export type EndWaitingReply = 'ended' | 'begun' | 'early';

/**
 * Ends a task that no instance runs: it waits for its first try, or for a later one.
 *
 * ARGV: publish, an id of the call, what it ends as, the least milliseconds since it could begin, or since its first try began, the reason,
 * the data of the terminal event, '1' for a task between two tries.
 * Answers: 'ended'; 'begun' where it waits no longer, or is gone; 'early' where that time is not over.
 */
export const endWaiting = new Script(/* lua */ `
${task}
${events}
${end}
local fields = redis.call('HMGET', record, 'status', 'startedAt', 'createdAt', 'notBefore', 'endedBy', 'lease')
local status, startedAt, createdAt, notBefore, endedBy, owner = unpack(fields)
if endedBy and endedBy == ARGV[2] then return 'ended' end
local since
if ARGV[7] == '1' then since = status == 'running' and not owner and startedAt
else since = status == 'pending' and not startedAt and (notBefore or createdAt) end
if not since then return 'begun' end
if ARGV[4] ~= '0' and now() < since + ARGV[4] then return 'early' end
add(ARGV[3], ARGV[6])
keep()
redis.call('HSET', record, 'cancellation', ARGV[5])
endAs(ARGV[3], ARGV[2])
tell()
return 'ended'
`);
