-- Tell a value of the state lane to whoever listens. It is not kept: the next one makes up for it.
--
-- KEYS[1]  the name of the channel
-- ARGV     kind, body
-- Reply    nothing

local _, mode = engine()
tell(mode, 'S' .. ARGV[1] .. ' ' .. ARGV[2])
return false
