import { lease, task } from './fragments.js';
import { Script } from './script.js';

/** What it answers. */
export type SignalReply = 'taken' | FullReply | 'ended' | 'unknown' | 'another-run';

/** Which limit a signal has met. */
export type FullReply = 'too-many' | 'too-many-names' | 'too-many-bytes';

/** How much of the ids of the newest signals is kept, in characters: enough for some hundred. */
const recentLength = 4_000;

/**
 * Keeps a signal until the handler has taken it. One hash holds them: `<number>` is a signal, `count:<name>` how many of a name wait,
 * `names` how many names have some, `recent` the ids of the newest, so that one that is sent again is not kept twice.
 *
 * ARGV: publish, id, an epoch or '' for any run, name, data as JSON, the most of one name, and of names.
 * Answers: see {@link SignalReply}.
 */
export const signal = new Script(/* lua */ `
${task}
local id, name, json = ' ' .. ARGV[2] .. ' ', ARGV[4], ARGV[5]
local fields = redis.call('HMGET', record, 'epoch', 'status', 'decided', 'channel', 'maxBytes')
local epoch, status, decided, channel, maxBytes = unpack(fields)
if not epoch then return 'unknown' end
if ARGV[3] ~= '' and ARGV[3] ~= epoch then return 'another-run' end
if isEnded(status) or decided == 'end' then return 'ended' end
local recent, count, names, bytes = unpack(redis.call('HMGET', signals, 'recent', 'count:' .. name, 'names', 'bytes'))
if recent and string.find(recent, id, 1, true) then return 'taken' end
count, names, bytes = tonumber(count or 0), tonumber(names or 0), tonumber(bytes or 0)
local most = tonumber(ARGV[6])
if count >= most then return 'too-many' end
if count == 0 and names >= most then return 'too-many-names' end
if bytes + #json > tonumber(maxBytes) then return 'too-many-bytes' end
local place = redis.call('HINCRBY', signals, 'last', 1)
redis.call('HSET', signals, place, name .. ' ' .. json, 'count:' .. name, count + 1, 'bytes', bytes + #json,
  'names', count == 0 and names + 1 or names, 'recent', string.sub(id .. (recent or ''), 1, ${recentLength}))
if channel then redis.call('PUBLISH', channel, record) end
return 'taken'
`);

/**
 * Forgets signals that the handler has taken.
 *
 * ARGV: publish, token, their numbers.
 * Answers: 'taken' or 'lost'.
 */
export const dropSignals = new Script(/* lua */ `
${task}
${lease}
if not owns(ARGV[2]) then return { 'lost' } end
for i = 3, #ARGV do
  local kept = redis.call('HGET', signals, ARGV[i])
  if kept then
    local name, json = string.match(kept, '^(%S+) (.*)$')
    redis.call('HDEL', signals, ARGV[i])
    redis.call('HINCRBY', signals, 'bytes', -#json)
    if redis.call('HINCRBY', signals, 'count:' .. name, -1) == 0 then
      redis.call('HDEL', signals, 'count:' .. name)
      redis.call('HINCRBY', signals, 'names', -1)
    end
  end
end
return { 'taken' }
`);
