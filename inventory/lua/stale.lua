-- List holds that are older than a moment, oldest first: nobody may have been left to place them.
--
-- ARGV     before_ms, count
-- Reply    msgpack {'not_loaded'} or {'ok', epoch, holds}; holds: {customer:key, entry}

local meta = meta_if_loaded()
if not meta then return cmsgpack.pack({'not_loaded'}) end

local fields = redis.call('ZRANGEBYSCORE', key_of(meta, 'holds'), '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
local holds = {}
for i, field in ipairs(fields) do
  local e = entry_of(redis.call('HGET', key_of(meta, 'entries'), field))
  holds[i] = {field, e.id, e.fingerprint, e.lines, tonumber(e.no), tonumber(e.at_ms)}
end
return cmsgpack.pack({'ok', meta.epoch, holds})
