-- Shared by every script of the gate; put in front of each when it is loaded.
--
-- KEYS[1]  the sale segment's base name, `gate:{sale:<id>:<segment>}`; all other names are derived from it, so that a
--          whole segment lives in one slot of a cluster.
--
--   <base>:meta              hash: run_id, epoch, version, state, opens_ms, closes_ms, limit, context, no, at_ms
--   <base>:<epoch>:items     hash: <no>:a allocated, <no>:f free, <no>:h held, <no>:c confirmed, <no>:l limit per customer
--   <base>:<epoch>:entries   hash: <customer>:<key> -> entry
--   <base>:<epoch>:buyers    hash: customer -> units held and confirmed, as '1:2,3:1'; an item may come twice: add up
--   <base>:<epoch>:holds     sorted set: entries still held, by the time they were
--   <base>:refused:<no>      HyperLogLog: customers told "sold out"
--
-- An entry is `<state><joined><id:36><fingerprint:32><no>;<at_ms>;<lines>`; state is H held, C confirmed, R released;
-- joined is 1 when another request was told `repeated` and may be placing under this id. No entry: absent, or voided.
-- Law, at every moment, for every item: allocated = confirmed + held + free.

-- Every key lapses some days after the reconciler last looked, so that nothing unreachable stays for ever. The meta lapses
-- first: without it a gate is not loaded, without another one it would be wrong.

local base = KEYS[1]
local meta_key = base .. ':meta'
local META_TTL_MS, KEY_TTL_MS = 604800000, 691200000
local EPOCH_KEYS = {'items', 'entries', 'buyers', 'holds'}

local function named(values)
  local out = {}
  for i = 1, #values, 2 do out[values[i]] = values[i + 1] end
  return out
end

-- Restart, failover and a restore from a snapshot all change the engine's run_id: whatever the gate says then is old.
local function engine_run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

local function meta_if_loaded()
  local meta = named(redis.call('HGETALL', meta_key))
  if meta.run_id and meta.run_id == engine_run_id() then
    meta.epoch = tonumber(meta.epoch)
    return meta
  end
  return nil
end

local function key_of(meta, name) return base .. ':' .. meta.epoch .. ':' .. name end

local function each_line(lines) return string.gmatch(lines, '(%d+):(%d+)') end

local function entry_of(text)
  if not text then return nil end
  local no, at_ms, lines = string.match(string.sub(text, 71), '^(%d+);(%d+);(.*)$')
  return {
    state = string.sub(text, 1, 1), joined = string.sub(text, 2, 2), id = string.sub(text, 3, 38),
    fingerprint = string.sub(text, 39, 70), no = no, at_ms = at_ms, lines = lines,
  }
end

-- The same, without taking a whole entry apart.
local function is_held(text) return text and string.byte(text) == 72 end -- 'H'
local function id_of(text) return string.sub(text, 3, 38) end
local function lines_of(text)
  local after_no = string.find(text, ';', 72, true)
  return string.sub(text, string.find(text, ';', after_no + 1, true) + 1)
end
local function confirmed(text) return 'C0' .. string.sub(text, 3) end

local function text_of(e)
  return e.state .. e.joined .. e.id .. e.fingerprint .. e.no .. ';' .. e.at_ms .. ';' .. e.lines
end

local function lines_map(text)
  local out = {}
  if text then for no, units in each_line(text) do out[no] = (out[no] or 0) + tonumber(units) end end
  return out
end

local function lines_text(map)
  local out = {}
  for no, units in pairs(map) do if units > 0 then out[#out + 1] = no .. ':' .. units end end
  return table.concat(out, ',')
end

-- Many hash fields in one call, in pieces that fit Lua's stack. Fields that are not there are not among those read.
local PIECE = 2000

local function read_fields(key, fields)
  local out = {}
  for from = 1, #fields, PIECE do
    local to = math.min(from + PIECE - 1, #fields)
    local values = redis.call('HMGET', key, unpack(fields, from, to))
    for i = from, to do out[fields[i]] = values[i - from + 1] or nil end
  end
  return out
end

local function write_flat(key, flat)
  for from = 1, #flat, PIECE do redis.call('HSET', key, unpack(flat, from, math.min(from + PIECE - 1, #flat))) end
end

local function write_fields(key, map, kept)
  local flat, gone = {}, {}
  for field, value in pairs(map) do
    if kept and not kept(value) then
      gone[#gone + 1] = field
    else
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  write_flat(key, flat)
  for from = 1, #gone, PIECE do redis.call('HDEL', key, unpack(gone, from, math.min(from + PIECE - 1, #gone))) end
end

local function remove_holds(meta, fields)
  for from = 1, #fields, PIECE do
    redis.call('ZREM', key_of(meta, 'holds'), unpack(fields, from, math.min(from + PIECE - 1, #fields)))
  end
end

local function word(value) return value ~= '' end
