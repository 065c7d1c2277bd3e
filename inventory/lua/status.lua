-- What the gate knows of a sale segment, in one consistent reading. Who asks, keeps the keys of a sale that is not closed:
-- where half their time is over, and where a key was born since, they get all of it again.
--
-- ARGV     none
-- Reply    msgpack {run_id, loaded, meta, held, entries, items}: meta as flat name, value …;
--          items: {no, allocated, free, held, confirmed, customers refused}

local meta = meta_if_loaded()
local run_id = engine_run_id()
if not meta then return cmsgpack.pack({run_id, false, redis.call('HGETALL', meta_key), 0, 0, {}}) end

local is_half_over = redis.call('PTTL', meta_key) < META_TTL_MS / 2
local function keep(key, ttl_ms)
  if meta.state ~= 'closed' and (is_half_over or redis.call('PTTL', key) == -1) then redis.call('PEXPIRE', key, ttl_ms) end
end
keep(meta_key, META_TTL_MS)
for _, name in ipairs(EPOCH_KEYS) do keep(key_of(meta, name), KEY_TTL_MS) end

local counts = named(redis.call('HGETALL', key_of(meta, 'items')))
local items = {}
for field, allocated in pairs(counts) do
  local no = string.match(field, '^(%d+):a$')
  if no then
    keep(base .. ':refused:' .. no, KEY_TTL_MS)
    items[#items + 1] = {
      tonumber(no), tonumber(allocated), tonumber(counts[no .. ':f']), tonumber(counts[no .. ':h']),
      tonumber(counts[no .. ':c']), redis.call('PFCOUNT', base .. ':refused:' .. no),
    }
  end
end
local held, entries = redis.call('ZCARD', key_of(meta, 'holds')), redis.call('HLEN', key_of(meta, 'entries'))
return cmsgpack.pack({run_id, true, redis.call('HGETALL', meta_key), held, entries, items})
