-- Give back what an order held whose transaction failed. Does nothing unless the entry is this order's.
--
-- KEYS  sale, buyers, entries: as in baseline.lua
-- ARGV  customer, key, order id, quantity
-- Reply 1 when the units went back, 0 when there was nothing to give back
local customer, order_id, quantity = ARGV[1], ARGV[3], tonumber(ARGV[4])
local field = customer .. ':' .. ARGV[2]

local entry = redis.call('HGET', KEYS[3], field)
if not entry or string.match(entry, '|([%x-]+)|') ~= order_id then return 0 end
redis.call('HDEL', KEYS[3], field)
redis.call('HINCRBY', KEYS[2], customer, -quantity)
redis.call('HINCRBY', KEYS[1], 'free', quantity)
return 1
