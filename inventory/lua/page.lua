-- Read a page of a segment's keys or buyers, for the audit.
--
-- ARGV     name (entries or buyers), cursor, count (about how many)
-- Reply    msgpack {'not_loaded'} or {'ok', epoch, size, cursor, flat}; size: of the whole hash; cursor: '0' after the
--          last page; flat: field, text …

local meta = meta_if_loaded()
if not meta then return cmsgpack.pack({'not_loaded'}) end

local key = key_of(meta, ARGV[1])
local cursor, flat = unpack(redis.call('HSCAN', key, ARGV[2], 'COUNT', ARGV[3]))
return cmsgpack.pack({'ok', meta.epoch, redis.call('HLEN', key), cursor, flat})
