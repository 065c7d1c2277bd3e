-- Load a piece under the names of a coming epoch, while the old epoch may still answer. Safe to repeat.
--
-- ARGV[1]  msgpack {run_id, epoch, name, pairs}; name: entries or buyers; pairs: flat field, value …
-- Reply    msgpack {'ok'} | {'other_engine'} | {'older', epoch}

local run_id, epoch, name, pairs_flat = unpack(cmsgpack.unpack(ARGV[1]))
if engine_run_id() ~= run_id then return cmsgpack.pack({'other_engine'}) end
local standing = tonumber(redis.call('HGET', meta_key, 'epoch') or 0)
if standing >= epoch then return cmsgpack.pack({'older', standing}) end

local key = key_of({epoch = epoch}, name)
for from = 1, #pairs_flat, PIECE do
  redis.call('HSET', key, unpack(pairs_flat, from, math.min(from + PIECE - 1, #pairs_flat)))
end
redis.call('PEXPIRE', key, 600000) -- a rebuild that is given up must not fill the memory; the flip lets it stay
return cmsgpack.pack({'ok'})
