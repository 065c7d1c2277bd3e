-- Put an event into the log of a place: number it, keep it, tell it to whoever listens. Safe to repeat: an event id is
-- taken once, and an event older than what was told of the same thing has nothing to say any more.
--
-- ARGV     candidate (the epoch to begin with where there is none), event_id, kind, body, subject (what the event speaks
--          of, or ''), events_max, bytes_max (of the events that are kept), seen_max, subjects_max
-- Reply    {epoch, seq} as text, after it

local candidate, event_id, kind, body, subject = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local events_max, bytes_max, seen_max, subjects_max = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local run_id, mode = engine()
local epoch, seq, bytes = state_of(run_id)
if not epoch then epoch, seq, bytes = begin(run_id, candidate) end

local function is_old()
  if redis.call('ZSCORE', seen_key, event_id) then return true end
  local latest = subject ~= '' and redis.call('HGET', latest_key, subject)
  return latest and latest > event_id
end
if is_old() then return {epoch, tostring(seq)} end

seq = seq + 1
local entry = seq .. ' ' .. event_id .. ' ' .. kind .. ' ' .. body
local count = redis.call('RPUSH', events_key, entry)
bytes = bytes + #entry
while count > events_max or bytes > bytes_max do
  bytes = bytes - #redis.call('LPOP', events_key)
  count = count - 1
end
redis.call('ZADD', seen_key, seq, event_id)
redis.call('ZREMRANGEBYRANK', seen_key, 0, -seen_max - 1)
if subject ~= '' and (redis.call('HEXISTS', latest_key, subject) == 1 or redis.call('HLEN', latest_key) < subjects_max) then
  redis.call('HSET', latest_key, subject, event_id)
end
redis.call('HSET', meta_key, 'seq', seq, 'bytes', bytes)
keep()
tell(mode, 'L' .. epoch .. ' ' .. entry)
return {epoch, tostring(seq)}
