-- Count the viewers of a place: each once, at however many gateways. A gateway says who came and who went since it was
-- last heard; one that has not been heard for a while is buried, with its viewers. Safe to repeat.
--
-- KEYS[1]  the place's base name, `presence:{room:<place>}`
--   <base>:meta          hash: run_id, speaker (the gateway that tells the counts)
--   <base>:gateways      sorted set: gateway -> when it was last heard, in ms
--   <base>:online        hash: viewer -> at how many gateways
--   <base>:at:<gateway>  set: the viewers of one gateway
-- ARGV[1]  msgpack {gateway, mode, now_ms, silent_ms, came, gone}
--   beat   who came and who went
--   whole  forget what this gateway said before; `came` is how its list begins
--   leave  forget this gateway
--   look   only count; gateway is ''
-- Reply    {word, online, is_speaker (1 or 0)}; the word is ok, more (ask again: there is more to bury or to forget) or
--          unknown (this gateway is: send the whole list)

local gateway, mode, now_ms, silent_ms, came, gone = unpack(cmsgpack.unpack(ARGV[1]))
local base = KEYS[1]
local meta_key, gateways_key, online_key = base .. ':meta', base .. ':gateways', base .. ':online'
local TTL_MS, PIECE = 60000, 1000
local function at(name) return base .. ':at:' .. name end

local function count(viewer, change)
  if redis.call('HINCRBY', online_key, viewer, change) <= 0 then redis.call('HDEL', online_key, viewer) end
end

-- Forget some of a gateway's viewers; true once there are none left.
local function forget(name)
  local viewers = redis.call('SPOP', at(name), PIECE)
  for _, viewer in ipairs(viewers) do count(viewer, -1) end
  if #viewers == PIECE then return false end
  redis.call('ZREM', gateways_key, name)
  return true
end

-- Another run_id: what stands here is of before a restart, or of an older snapshot.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known_run_id, speaker = unpack(redis.call('HMGET', meta_key, 'run_id', 'speaker'))
if known_run_id ~= run_id then
  for _, name in ipairs(redis.call('ZRANGE', gateways_key, 0, -1)) do redis.call('UNLINK', at(name)) end
  redis.call('UNLINK', meta_key, gateways_key, online_key)
  redis.call('HSET', meta_key, 'run_id', run_id)
  speaker = false
end

local word = 'ok'
local function answer()
  return {word, redis.call('HLEN', online_key), (gateway ~= '' and speaker == gateway) and 1 or 0}
end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', gateways_key, '-inf', now_ms - silent_ms)) do
  if name ~= gateway and not forget(name) then
    word = 'more'
    return answer()
  end
end
if mode == 'beat' and not redis.call('ZSCORE', gateways_key, gateway) then
  word = 'unknown'
  return answer()
end
if (mode == 'whole' or mode == 'leave') and not forget(gateway) then
  word = 'more'
  return answer()
end
if mode == 'beat' or mode == 'whole' then
  redis.call('ZADD', gateways_key, now_ms, gateway)
  for _, viewer in ipairs(came) do if redis.call('SADD', at(gateway), viewer) == 1 then count(viewer, 1) end end
  for _, viewer in ipairs(gone) do if redis.call('SREM', at(gateway), viewer) == 1 then count(viewer, -1) end end
  if not speaker or not redis.call('ZSCORE', gateways_key, speaker) then
    speaker = gateway
    redis.call('HSET', meta_key, 'speaker', gateway)
  end
end
for _, key in ipairs({meta_key, gateways_key, online_key, at(gateway)}) do redis.call('PEXPIRE', key, TTL_MS) end
return answer()
