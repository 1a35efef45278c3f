import { events, lease, news, note, task } from './fragments.js';
import { Script } from './script.js';

/** Reads what a run writes besides its events, from the arguments that all its writes begin with. */
export const written = /* lua */ `
local token, seen, seq, status, attempt = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]
local cancellation, progress, checkpoint, facts, state = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

-- A request to cancel that the run has not seen is not undone by what it says of itself.
local function noteState()
  local unseen = redis.call('LLEN', requests) > seen
  if status ~= '' and not (unseen and status == 'running') then
    redis.call('HSET', record, 'status', status, 'attempt', attempt)
    if not unseen then note('cancellation', cancellation) end
    -- Its time was over before it passed the point of no return.
    if status == 'cancelling' and redis.call('HGET', record, 'decided') == 'commit' then redis.call('HDEL', record, 'decided') end
  end
  if progress ~= '' then redis.call('HSET', record, 'progress', progress) end
  if checkpoint ~= '' then redis.call('HSET', record, 'checkpoint', checkpoint) end
  if facts ~= '' then redis.call('HSET', record, 'facts', facts) end
  if state ~= '' then redis.call('HSET', record, 'state', state) end
  redis.call('HSET', record, 'seen', seen)
end
`;

/**
 * Writes events of a run, and what it is doing.
 *
 * ARGV: publish, token, how many requests to cancel the run has seen, the seq of the first event, status or '', attempt,
 * cancellation, progress or '', checkpoint or '', facts or '', the state behind the events or '', then types and data of the events.
 * Answers: 'lost', or 'taken' and the requests that the run has not seen.
 */
export const append = new Script(/* lua */ `
${task}
${lease}
${note}
${events}
${news}
${written}
if not owns(token) or not addFrom(12, seq) then return { 'lost' } end
keep()
noteState()
if status == '' then tellEvents(12, seq, progress, state) else tell() end
return { 'taken', redis.call('LRANGE', requests, seen, -1) }
`);
