-- Set state, window, limits, context and allocation, as absolute values with a version. Safe to repeat.
--
-- ARGV[1]  msgpack {epoch, version, fields, items}; fields: flat name, value …; items: {no, allocated, limit}
-- Reply    msgpack {'not_loaded'} | {'older', version} | {'not_enough_free', item, free} | {'ok'}

local meta = meta_if_loaded()
local epoch, version, fields, items = unpack(cmsgpack.unpack(ARGV[1]))
if not meta or meta.epoch ~= epoch then return cmsgpack.pack({'not_loaded'}) end
if version <= tonumber(meta.version) then return cmsgpack.pack({'older', tonumber(meta.version)}) end

local items_key = key_of(meta, 'items')
local changes = {}
for _, item in ipairs(items) do
  local no, allocated, limit = unpack(item)
  local had, free = unpack(redis.call('HMGET', items_key, no .. ':a', no .. ':f'))
  free = tonumber(free or 0) + allocated - tonumber(had or 0)
  if free < 0 then return cmsgpack.pack({'not_enough_free', no, free + tonumber(had) - allocated}) end
  changes[no .. ':a'], changes[no .. ':f'], changes[no .. ':l'] = allocated, free, limit
  if not had then changes[no .. ':h'], changes[no .. ':c'] = 0, 0 end
end
write_fields(items_key, changes)
redis.call('HSET', meta_key, 'version', version, unpack(fields))
return cmsgpack.pack({'ok'})
