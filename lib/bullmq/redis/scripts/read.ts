import { task } from './fragments.js';
import { Script } from './script.js';

/** What everybody may know of a task, in the order in which scripts answer it. */
export const taskFields = [
  'epoch',
  'status',
  'attempt',
  'free',
  'createdAt',
  'startedAt',
  'endedAt',
  'first',
  'last',
  'options',
  'owner',
  'metadata',
  'progress',
  'cancellation',
  'finalValue',
  'error',
  'publicError',
  'facts',
  'state',
  'stateBefore',
  'inputBytes',
] as const;

/** How many watch the task, on all instances that are there. */
export const countWatchers = /* lua */ `
local function countWatchers()
  local total, time = 0, now()
  for _, counted in ipairs(redis.call('HVALS', watchers)) do
    local count, expiry = string.match(counted, '^(%d+) (%d+)$')
    if tonumber(expiry) > time then total = total + count end
  end
  return total
end
`;

export const describe = /* lua */ `
${countWatchers}
local function describe()
  local fields = redis.call('HMGET', record, ${taskFields.map((field) => `'${field}'`).join(', ')})
  fields[#fields + 1] = tostring(countWatchers())
  return fields
end
`;

/**
 * Reads a task and a page of its log.
 *
 * ARGV: publish, the first seq, how many bytes; no bytes for no events.
 * Answers: nothing where there is no such task, else the task and the events.
 */
export const read = new Script(/* lua */ `
${task}
${describe}
local counts = redis.call('HMGET', record, 'first', 'last', 'bytes')
local first, last, bytes = tonumber(counts[1]), tonumber(counts[2]), tonumber(counts[3])
if not first then return false end
local next, wanted = math.max(tonumber(ARGV[2]), first), tonumber(ARGV[3])
local events, taken = {}, 0
while next <= last and taken < wanted do
  -- By the mean length of an event, as many as there is room for. More would only cost Redis time.
  local count = math.ceil((wanted - taken) / (bytes / (last - first + 1)))
  local some = redis.call('XRANGE', log, string.format('%.0f-0', next), '+', 'COUNT', math.min(math.max(count, 1), 256))
  if #some == 0 then break end
  for _, event in ipairs(some) do
    local length = #event[2][2] + #event[2][4]
    if #events > 0 and taken + length > wanted then return { describe(), events } end
    events[#events + 1] = event
    taken = taken + length
    next = next + 1
  end
end
return { describe(), events }
`);
