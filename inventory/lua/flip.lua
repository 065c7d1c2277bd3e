-- Make a loaded epoch the one that answers, and drop the keys of the one before. Refuses another engine, a lower epoch
-- and a load of which something is missing.
--
-- ARGV[1]  msgpack {run_id, epoch, version, fields, items, loaded}; fields: flat name, value …;
--          items: {no, allocated, sold, limit}; loaded: how many entries were loaded
-- Reply    msgpack {'ok'} | {'other_engine'} | {'older', epoch} | {'incomplete', entries}

local run_id, epoch, version, fields, items, loaded = unpack(cmsgpack.unpack(ARGV[1]))
if engine_run_id() ~= run_id then return cmsgpack.pack({'other_engine'}) end
local before = {epoch = tonumber(redis.call('HGET', meta_key, 'epoch') or 0)}
if before.epoch >= epoch then return cmsgpack.pack({'older', before.epoch}) end
local coming = {epoch = epoch}
local entries = redis.call('HLEN', key_of(coming, 'entries'))
if entries ~= loaded then return cmsgpack.pack({'incomplete', entries}) end

local counts = {}
for _, item in ipairs(items) do
  local no, allocated, sold, limit = unpack(item)
  counts[no .. ':a'], counts[no .. ':c'], counts[no .. ':h'] = allocated, sold, 0
  counts[no .. ':f'], counts[no .. ':l'] = allocated - sold, limit
end
redis.call('DEL', key_of(coming, 'items'), key_of(coming, 'holds'), meta_key)
write_fields(key_of(coming, 'items'), counts)
redis.call('HSET', meta_key, 'run_id', run_id, 'epoch', epoch, 'version', version, unpack(fields))
for _, name in ipairs(EPOCH_KEYS) do
  redis.call('PEXPIRE', key_of(coming, name), KEY_TTL_MS)
  redis.call('UNLINK', key_of(before, name))
end
redis.call('PEXPIRE', meta_key, META_TTL_MS)
return cmsgpack.pack({'ok'})
