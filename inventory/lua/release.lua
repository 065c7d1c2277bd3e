-- Give back the units of holds. Compares the claim id and touches nothing else. Safe to repeat.
--
-- ARGV[1]  msgpack {mode, holds}; holds: {customer, key, id, epoch}
--   not_sent  the ledger call surely never left: only an entry still held, of this epoch, that nobody joined; forgets the key
--   voided    the id is void in the ledger: only an entry still held; forgets the key
--   lapsed    the order expired or was cancelled: held or confirmed; the key stays, as released. A gate below the
--             hold's epoch counts as not loaded
-- Reply    msgpack {'not_loaded'} or {'ok', outcomes}: released | already | not_loaded

local meta = meta_if_loaded()
if not meta then return cmsgpack.pack({'not_loaded'}) end

local mode, holds = unpack(cmsgpack.unpack(ARGV[1]))
local entries_key, buyers_key, items_key = key_of(meta, 'entries'), key_of(meta, 'buyers'), key_of(meta, 'items')

local function may_release(entry, hold)
  if not entry or entry.id ~= hold[3] then return false end
  if mode == 'not_sent' then return entry.state == 'H' and entry.joined == '0' and meta.epoch == hold[4] end
  if mode == 'voided' then return entry.state == 'H' end
  return entry.state == 'H' or entry.state == 'C'
end

local function release(field, customer, entry)
  local bought = lines_map(redis.call('HGET', buyers_key, customer))
  for item, units in each_line(entry.lines) do
    redis.call('HINCRBY', items_key, item .. (entry.state == 'H' and ':h' or ':c'), -units)
    redis.call('HINCRBY', items_key, item .. ':f', units)
    bought[item] = (bought[item] or 0) - units
  end
  write_fields(buyers_key, {[customer] = lines_text(bought)}, word)
  remove_holds(meta, {field})
  if mode == 'lapsed' then
    entry.state, entry.joined = 'R', '0'
    redis.call('HSET', entries_key, field, text_of(entry))
  else
    redis.call('HDEL', entries_key, field)
  end
end

local outcomes = {}
for i, hold in ipairs(holds) do
  local field = hold[1] .. ':' .. hold[2]
  local entry = entry_of(redis.call('HGET', entries_key, field))
  if mode == 'lapsed' and meta.epoch < hold[4] then
    outcomes[i] = 'not_loaded'
  elseif may_release(entry, hold) then
    release(field, hold[1], entry)
    outcomes[i] = 'released'
  else
    outcomes[i] = 'already'
  end
end
return cmsgpack.pack({'ok', outcomes})
