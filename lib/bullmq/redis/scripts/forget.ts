import { task } from './fragments.js';
import { Script } from './script.js';

/**
 * Forgets an ended task before its retention is over.
 *
 * ARGV: publish, epoch.
 * Answers: 1 if it was forgotten.
 */
export const forget = new Script(/* lua */ `
${task}
local epoch, status = unpack(redis.call('HMGET', record, 'epoch', 'status'))
if epoch ~= ARGV[2] or not isEnded(status) then return 0 end
redis.call('DEL', record, log, requests, signals, watchers)
tell()
return 1
`);
