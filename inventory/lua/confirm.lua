-- Move holds to confirmed, for holds whose confirmation got lost. Safe to repeat.
--
-- ARGV[1]  msgpack holds: {customer, key, id}
-- Reply    msgpack {'not_loaded'} or {'ok'}

local meta = meta_if_loaded()
if not meta then return cmsgpack.pack({'not_loaded'}) end

for _, hold in ipairs(cmsgpack.unpack(ARGV[1])) do
  local field = hold[1] .. ':' .. hold[2]
  local text = redis.call('HGET', key_of(meta, 'entries'), field)
  if is_held(text) and id_of(text) == hold[3] then
    redis.call('HSET', key_of(meta, 'entries'), field, confirmed(text))
    remove_holds(meta, {field})
    for item, units in each_line(lines_of(text)) do
      redis.call('HINCRBY', key_of(meta, 'items'), item .. ':h', -units)
      redis.call('HINCRBY', key_of(meta, 'items'), item .. ':c', units)
    end
  end
end
return cmsgpack.pack({'ok'})
