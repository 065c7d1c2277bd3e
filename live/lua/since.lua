-- The events of a place after a position.
--
-- ARGV     epoch, seq
-- Reply    the events, oldest first, each `<seq> <event id> <kind> <body>`; false where the log does not reach back so
--          far, or the position is of another epoch or ahead of the log

local epoch, seq = state_of((engine()))
local missed = epoch == ARGV[1] and seq - tonumber(ARGV[2]) or -1
if missed < 0 or missed > redis.call('LLEN', events_key) then return false end
if missed == 0 then return {} end
return redis.call('LRANGE', events_key, -missed, -1)
