-- What the gate knows of a sale segment, in one consistent reading.
--
-- ARGV     none
-- Reply    msgpack {run_id, loaded, meta, held, entries, items, refused}: meta as flat name, value …;
--          items: {no, allocated, free, held, confirmed, customers refused}

local meta = meta_if_loaded()
local run_id = engine_run_id()
if not meta then return cmsgpack.pack({run_id, false, redis.call('HGETALL', meta_key), 0, 0, {}}) end

local counts = named(redis.call('HGETALL', key_of(meta, 'items')))
local items = {}
for field, allocated in pairs(counts) do
  local no = string.match(field, '^(%d+):a$')
  if no then
    items[#items + 1] = {
      tonumber(no), tonumber(allocated), tonumber(counts[no .. ':f']), tonumber(counts[no .. ':h']),
      tonumber(counts[no .. ':c']), redis.call('PFCOUNT', base .. ':refused:' .. no),
    }
  end
end
local held, entries = redis.call('ZCARD', key_of(meta, 'holds')), redis.call('HLEN', key_of(meta, 'entries'))
return cmsgpack.pack({run_id, true, redis.call('HGETALL', meta_key), held, entries, items})
