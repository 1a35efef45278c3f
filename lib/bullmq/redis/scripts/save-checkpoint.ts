import { lease, task } from './fragments.js';
import { Script } from './script.js';

/**
 * Keeps data for the later tries of a task, in place of what an earlier call kept.
 *
 * ARGV: publish, token, the data as JSON.
 * Answers: 'taken' or 'lost'.
 */
export const saveCheckpoint = new Script(/* lua */ `
${task}
${lease}
if not owns(ARGV[2]) then return { 'lost' } end
redis.call('HSET', record, 'checkpoint', ARGV[3])
return { 'taken' }
`);
