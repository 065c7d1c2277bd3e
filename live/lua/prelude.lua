-- Shared by every script of a room's log; put in front of each when it is loaded.
--
-- KEYS[1]  the place's base name, `log:{room:<place>}`; all other names are derived from it, so that a whole place lives
--          in one slot of a cluster. It is the name of the place's channel too.
--
--   <base>:meta    hash: run_id, epoch, seq, bytes (of all events kept)
--   <base>:events  list of events, oldest first, `<seq> <event id> <kind> <body>`; seq without gaps up to meta's
--   <base>:seen    sorted set: event id -> seq, of more events than are kept
--   <base>:latest  hash: what an event speaks of -> the greatest event id told of it
--
-- The keys of a place lapse a day after something was last asked or told of it.

local base = KEYS[1]
local meta_key, events_key, seen_key, latest_key = base .. ':meta', base .. ':events', base .. ':seen', base .. ':latest'
local TTL_MS = 86400000

-- The run_id, and `cluster` for a node of a cluster (redis_mode at Redis, server_mode at Valkey).
local function engine()
  local info = redis.call('INFO', 'server')
  return string.match(info, 'run_id:(%w+)'), string.match(info, '%w+_mode:(%w+)')
end

-- On a cluster a plain message would be sent to every node.
local function tell(mode, message)
  redis.call(mode == 'cluster' and 'SPUBLISH' or 'PUBLISH', base, message)
end

-- epoch, seq and bytes; epoch is nil where the engine has restarted, failed over or forgotten since.
local function state_of(run_id)
  local known, epoch, seq, bytes = unpack(redis.call('HMGET', meta_key, 'run_id', 'epoch', 'seq', 'bytes'))
  if known and known == run_id then return epoch, tonumber(seq), tonumber(bytes) end
  return nil
end

local function keep()
  for _, key in ipairs({meta_key, events_key, seen_key, latest_key}) do redis.call('PEXPIRE', key, TTL_MS) end
end

-- A new epoch begins with nothing, above the one before, should that be known.
local function begin(run_id, candidate)
  local before = redis.call('HGET', meta_key, 'epoch')
  local epoch = candidate
  if before and tonumber(before) >= tonumber(candidate) then epoch = string.format('%.0f', tonumber(before) + 1) end
  redis.call('DEL', events_key, seen_key, latest_key)
  redis.call('HSET', meta_key, 'run_id', run_id, 'epoch', epoch, 'seq', 0, 'bytes', 0)
  return epoch, 0, 0
end
