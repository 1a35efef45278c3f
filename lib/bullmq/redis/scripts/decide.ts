import { lease, task } from './fragments.js';
import { Script } from './script.js';

/**
 * Notes that the outcome of a run stands, though its end is not written yet: from then on a cancel comes too late.
 *
 * ARGV: publish, token, how many requests to cancel the run has seen, 'end', or 'commit' for a point of no return.
 * Answers: 'taken', 'lost', or 'refused' and the requests that it has not seen.
 */
export const decide = new Script(/* lua */ `
${task}
${lease}
if not owns(ARGV[2]) then return { 'lost' } end
local unseen = redis.call('LRANGE', requests, ARGV[3], -1)
if #unseen > 0 then return { 'refused', unseen } end
redis.call('HSET', record, 'decided', ARGV[4])
return { 'taken' }
`);
