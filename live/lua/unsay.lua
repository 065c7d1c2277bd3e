-- Take back what speakers of a room were allowed to say, because it came to nothing: the same may be said again at once.
-- Safe to repeat: what is not there any more is left alone.
--
-- KEYS[1]  the room's base name, `talk:{room:<id>}`; see pace.lua for what stands under it
-- ARGV[1]  msgpack {token_ms, speakers}; speakers: {viewer, digest}
-- Reply    how many were taken back

local base = KEYS[1]
local token_ms, speakers = unpack(cmsgpack.unpack(ARGV[1]))

local function take_back(name, digest)
  local packed = redis.call('GET', name)
  if not packed then return 0 end
  local _, full_ms, said = unpack(cmsgpack.unpack(packed))
  for i, pair in ipairs(said) do
    if pair[1] == digest then
      table.remove(said, i)
      local spoke_ms = said[1] and said[1][2] or 0
      redis.call('SET', name, cmsgpack.pack({spoke_ms, full_ms - token_ms, said}), 'KEEPTTL')
      return 1
    end
  end
  return 0
end

local taken = 0
for _, s in ipairs(speakers) do taken = taken + take_back(base .. ':' .. s[1], s[2]) end
return taken
