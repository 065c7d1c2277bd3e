-- Who of a room's speakers may speak now, over all gateways: the pause of slow mode, how often anybody may speak, and the
-- same again within a while. What is allowed counts at once. Not safe to repeat: a repeated call says `repeated`.
--
-- KEYS[1]  the room's base name, `talk:{room:<id>}`; a speaker's key is derived from it, so a room lives in one slot
--            <base>:<viewer>   msgpack {spoke_ms, full_ms, said}: when he spoke last, when his bucket is full again, and
--                              the last few {digest, at_ms}
-- ARGV[1]  msgpack {now_ms, slow_ms, token_ms, burst, same_ms, speakers}; speakers: {viewer, digest}, in order
-- Reply    msgpack {verdict, wait_ms} for each: ok | slow | fast | repeated

local base = KEYS[1]
local now_ms, slow_ms, token_ms, burst, same_ms, speakers = unpack(cmsgpack.unpack(ARGV[1]))
local SAID_MAX = 3

local names, states = {}, {}
for i, s in ipairs(speakers) do names[i] = base .. ':' .. s[1] end
for i, packed in ipairs(redis.call('MGET', unpack(names))) do
  states[names[i]] = packed and cmsgpack.unpack(packed) or {0, 0, {}}
end

-- The longest pause that a state means anything for.
local ttl_ms = math.max(slow_ms, same_ms, token_ms * burst) + 1000

local function again(said, digest)
  for _, pair in ipairs(said) do
    if pair[1] == digest and pair[2] + same_ms > now_ms then return pair[2] + same_ms - now_ms end
  end
end

local function verdict_on(name, digest)
  local state = states[name]
  local spoke_ms, full_ms, said = state[1], math.max(state[2], now_ms), state[3]
  if spoke_ms > 0 and spoke_ms + slow_ms > now_ms then return {'slow', spoke_ms + slow_ms - now_ms} end
  local repeated_ms = again(said, digest)
  if repeated_ms then return {'repeated', repeated_ms} end
  local wait_ms = full_ms + token_ms - now_ms - token_ms * burst
  if wait_ms > 0 then return {'fast', wait_ms} end
  table.insert(said, 1, {digest, now_ms})
  said[SAID_MAX + 1] = nil
  states[name] = {now_ms, full_ms + token_ms, said, true}
  return {'ok', 0}
end

local verdicts = {}
for i, s in ipairs(speakers) do verdicts[i] = verdict_on(names[i], s[2]) end

for name, state in pairs(states) do
  if state[4] then redis.call('SET', name, cmsgpack.pack({state[1], state[2], state[3]}), 'PX', ttl_ms) end
end
return cmsgpack.pack(verdicts)
