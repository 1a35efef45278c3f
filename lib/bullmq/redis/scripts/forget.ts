import { task } from './fragments.js';
import { Script } from './script.js';

/**
 * Forgets an ended task before its retention is over.
 *
 * ARGV: publish.
 * Answers: 1 if it is gone, 0 if it has not ended.
 */
export const forget = new Script(/* lua */ `
${task}
local status = redis.call('HGET', record, 'status')
if not status then return 1 end
if not isEnded(status) then return 0 end
redis.call('DEL', record, log, requests, signals, watchers)
tell()
return 1
`);
