-- Load claims under keys named with a coming epoch, while the old epoch may still answer. Safe to repeat.
--
-- ARGV[1]  msgpack {run_id, epoch, entries}; entries: {customer, key, state, id, fingerprint, no, at_ms, lines};
--          state is C (placed) or R (released)
-- Reply    msgpack {'ok'} | {'other_engine'} | {'older', epoch}

local run_id, epoch, entries = unpack(cmsgpack.unpack(ARGV[1]))
if engine_run_id() ~= run_id then return cmsgpack.pack({'other_engine'}) end
local standing = tonumber(redis.call('HGET', meta_key, 'epoch') or 0)
if standing >= epoch then return cmsgpack.pack({'older', standing}) end

local coming = {epoch = epoch}
local new_entries, customers, known = {}, {}, {}
for _, e in ipairs(entries) do
  local field = e[1] .. ':' .. e[2]
  new_entries[field] = text_of({
    state = e[3], joined = '0', id = e[4], fingerprint = e[5], no = e[6], at_ms = e[7], lines = e[8],
  })
  if not known[e[1]] then
    known[e[1]] = true
    customers[#customers + 1] = e[1]
  end
end

-- Units per buyer are counted once per entry, also when a load is repeated.
local fields = {}
for field in pairs(new_entries) do fields[#fields + 1] = field end
local there = read_fields(key_of(coming, 'entries'), fields)
local texts = read_fields(key_of(coming, 'buyers'), customers)
local bought, new_buyers = {}, {}
for _, e in ipairs(entries) do
  if e[3] == 'C' and not there[e[1] .. ':' .. e[2]] then
    bought[e[1]] = bought[e[1]] or lines_map(texts[e[1]])
    for item, units in each_line(e[8]) do bought[e[1]][item] = (bought[e[1]][item] or 0) + tonumber(units) end
  end
end
for customer, map in pairs(bought) do new_buyers[customer] = lines_text(map) end
write_fields(key_of(coming, 'entries'), new_entries)
write_fields(key_of(coming, 'buyers'), new_buyers)

-- A rebuild that is given up must not fill the memory for ever; the flip makes what it takes over permanent.
for _, name in ipairs({'entries', 'buyers'}) do redis.call('PEXPIRE', key_of(coming, name), 600000) end
return cmsgpack.pack({'ok'})
