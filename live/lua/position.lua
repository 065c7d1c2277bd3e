-- How far the log of a place is. Where the engine knows none, or one of before a restart, an epoch begins.
--
-- ARGV     candidate (the epoch to begin with where there is none)
-- Reply    {epoch, seq} as text

local run_id = engine()
local epoch, seq = state_of(run_id)
if not epoch then epoch, seq = begin(run_id, ARGV[1]) end
keep()
return {epoch, tostring(seq)}
