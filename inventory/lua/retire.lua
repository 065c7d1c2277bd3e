-- Let a finished sale's keys lapse after a while.
--
-- ARGV     ttl_ms
-- Reply    msgpack {'ok'}

local epoch = redis.call('HGET', meta_key, 'epoch')
local names = {meta_key}
if epoch then
  for _, name in ipairs(EPOCH_KEYS) do names[#names + 1] = key_of({epoch = epoch}, name) end
  for _, field in ipairs(redis.call('HKEYS', key_of({epoch = epoch}, 'items'))) do
    local no = string.match(field, '^(%d+):a$')
    if no then names[#names + 1] = base .. ':refused:' .. no end
  end
end
for _, name in ipairs(names) do redis.call('PEXPIRE', name, ARGV[1]) end
return cmsgpack.pack({'ok'})
