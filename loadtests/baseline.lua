-- Decide on one order: its idempotency key first, then the buyer's limit, then the stock. All or nothing.
--
-- KEYS  sale       hash: state, limit per buyer, free units, last verdict number
--       buyers     hash: customer -> units bought
--       entries    hash: customer:key -> fingerprint|order id|number
-- ARGV  customer, key, order id, fingerprint, quantity
-- Reply {outcome, …}: held, no | repeated, order id, no | key_reused | sold_out, free | over_limit, limit, bought
--       | not_open
local customer, key, order_id, fingerprint, quantity = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local field = customer .. ':' .. key

local entry = redis.call('HGET', KEYS[3], field)
if entry then
  local print, standing_id, no = string.match(entry, '^(%x+)|([%x-]+)|(%d+)$')
  if print ~= fingerprint then return {'key_reused'} end
  return {'repeated', standing_id, tonumber(no)}
end

local state, limit, free = unpack(redis.call('HMGET', KEYS[1], 'state', 'limit', 'free'))
if state ~= 'open' then return {'not_open'} end
local bought = tonumber(redis.call('HGET', KEYS[2], customer) or 0)
if bought + quantity > tonumber(limit) then return {'over_limit', tonumber(limit), bought} end
if tonumber(free) < quantity then return {'sold_out', tonumber(free)} end

local no = redis.call('HINCRBY', KEYS[1], 'no', 1)
redis.call('HINCRBY', KEYS[1], 'free', -quantity)
redis.call('HSET', KEYS[2], customer, bought + quantity)
redis.call('HSET', KEYS[3], field, fingerprint .. '|' .. order_id .. '|' .. no)
return {'held', no}
