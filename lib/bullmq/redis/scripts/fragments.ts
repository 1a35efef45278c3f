/**
 * What scripts have in common. Each script gets the keys of one task in the order of `keysOf`, and as its first argument how
 * news is published.
 */
export const task = /* lua */ `
local record, log, requests, signals, news, watchers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

-- Asked once: all that one call writes is of one time, and news say the same of it as the log.
local calledAt
local function now()
  if not calledAt then
    local time = redis.call('TIME')
    calledAt = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return calledAt
end

-- Tells the readers of the task that something was written.
local function tell()
  redis.call(ARGV[1], news, '')
end

local function isEnded(status)
  return status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'timeout'
end
`;

/** Who may write: the owner of the lease, or a caller with an empty token where there is no lease. */
export const lease = /* lua */ `
local function owns(token)
  local status, owner = unpack(redis.call('HMGET', record, 'status', 'lease'))
  return status and not isEnded(status) and (owner or '') == token
end
`;

/** The events. */
export const events = /* lua */ `
local counts = redis.call('HMGET', record, 'first', 'last', 'bytes', 'maxEvents', 'maxBytes', 'frame', 'epoch')
local first, last, bytes = tonumber(counts[1]), tonumber(counts[2]), tonumber(counts[3])
local maxEvents, maxBytes, frame = tonumber(counts[4]), tonumber(counts[5]), tonumber(counts[6])

-- The length of an event on the wire.
local function lengthOf(type, json, seq)
  return frame + #type + #json + #string.format('%.0f', seq)
end

local function add(type, json)
  last = last + 1
  redis.call('XADD', log, string.format('%.0f-0', last), 't', type, 'd', json, 'at', now())
  bytes = bytes + lengthOf(type, json, last)
end

-- Adds the events that begin at this argument, the first of them as number seq. A call that was sent again finds them there.
-- Answers whether there is no hole before them.
local begin = last
local function addFrom(argument, seq)
  if seq > last + 1 then return false end
  for i = argument, #ARGV, 2 do
    if seq > last then add(ARGV[i], ARGV[i + 1]) end
    seq = seq + 1
  end
  return true
end

local function isOver()
  return last > first and (last - first + 1 > maxEvents or bytes > maxBytes)
end

-- Drops the oldest events beyond the limits, never the newest, and writes down what is kept.
local function keep()
  local start = first
  while isOver() do
    local excess = math.min(math.max(last - first + 1 - maxEvents, 1), 100)
    local oldest = redis.call('XRANGE', log, string.format('%.0f-0', first), '+', 'COUNT', excess)
    for _, event in ipairs(oldest) do
      if not isOver() then break end
      bytes = bytes - lengthOf(event[2][2], event[2][4], first)
      first = first + 1
    end
  end
  if first > start then redis.call('XTRIM', log, 'MINID', string.format('%.0f-0', first)) end
  redis.call('HSET', record, 'first', first, 'last', last, 'bytes', bytes)
end
`;

/** News of more than so many characters are not sent along: who reads asks for them. */
const maxNews = 16 * 1024;

/**
 * News with the events that were added, so that readers need not ask for them: epoch, oldest and newest seq that are kept, the time
 * and how many lines the head has as one line, progress or '' as another, the state or '' as a third, then types and data, each a line.
 * Readers know the rest of the task already. They read the log instead where the head has another number of lines.
 */
export const news = /* lua */ `
-- Call it behind keep(), with the seq of the first event and the argument that it is.
local function tellEvents(argument, seq, progress, state)
  if argument > #ARGV or seq ~= begin + 1 or first > seq then return tell() end
  local head = string.format('%s %.0f %.0f %.0f 3', counts[7], first, last, now())
  local message = head .. '\\n' .. progress .. '\\n' .. state .. '\\n' .. table.concat(ARGV, '\\n', argument)
  if #message > ${maxNews} then return tell() end
  redis.call(ARGV[1], news, message)
end
`;

/** How a task ends. */
export const end = /* lua */ `
-- Call it behind keep(). What only a run needs goes at once, the rest after the retention.
local function endAs(status, by)
  redis.call('HSET', record, 'status', status, 'endedAt', now(), 'endedBy', by)
  redis.call('HDEL', record, 'lease', 'channel', 'claim', 'decided', 'input', 'checkpoint')
  redis.call('DEL', requests, signals)
  local retention = redis.call('HGET', record, 'retention')
  redis.call('PEXPIRE', record, retention)
  redis.call('PEXPIRE', log, retention)
end
`;

/** Sets a field of the record. An empty value removes it. */
export const note = /* lua */ `
local function note(field, value)
  if value == '' then redis.call('HDEL', record, field) else redis.call('HSET', record, field, value) end
end
`;
