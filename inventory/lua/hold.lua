-- Give a verdict on each order of a batch, the key first, and hold the units of those that win, all of an order's lines
-- or none. Confirmations of earlier holds ride along and are applied first. Safe to repeat: an id that is held already
-- answers `own`.
--
-- ARGV[1]  msgpack {now_ms, version, confirms, orders}
--            confirms: {customer, key, id}
--            orders:   {customer, key, id, fingerprint, lines, priced, above_epoch}
--              priced: false when the buyer expected another total; above_epoch: a gate not above it is no use
-- Reply    msgpack {'not_loaded'} or {'ok', epoch, version, context, verdicts}; a verdict is one of
--            {'held', no, at_ms}                {'own', no, at_ms, state}
--            {'repeated', no, at_ms, state, id} {'key_reused'}
--            {'sold_out', item, left, served}   {'over_limit', item or 0, limit, bought}
--            {'not_open', opens_ms} {'paused'} {'ended'} {'unknown_item', item} {'stale_config'} {'price_changed'} {'not_loaded'}

local meta = meta_if_loaded()
if not meta then return cmsgpack.pack({'not_loaded'}) end

local now_ms, version, confirms, orders = unpack(cmsgpack.unpack(ARGV[1]))
local entries_key, buyers_key, items_key = key_of(meta, 'entries'), key_of(meta, 'buyers'), key_of(meta, 'items')
local opens_ms, closes_ms = tonumber(meta.opens_ms), tonumber(meta.closes_ms)
local sale_limit, config_version = tonumber(meta.limit) or 0, tonumber(meta.version)
local no, at_ms = tonumber(meta.no), tonumber(meta.at_ms)
local now_text, at_text = string.format('%d', now_ms), meta.at_ms -- a number that becomes text is dear, so few do

-- Read all that the batch may touch in three calls, the last one after the lines are known. From here on the texts are
-- what the batch made of them; what it changed is written in the order in which it changed.
local fields, customers = {}, {}
for i, c in ipairs(confirms) do fields[i] = c[1] .. ':' .. c[2] end
for i, o in ipairs(orders) do
  fields[#confirms + i] = o[1] .. ':' .. o[2]
  customers[i] = o[1]
end
local entry_texts, buyer_texts = read_fields(entries_key, fields), read_fields(buyers_key, customers)
local new_entries, new_buyers = {}, {}

local function set_entry(field, text)
  entry_texts[field] = text
  new_entries[#new_entries + 1] = field
  new_entries[#new_entries + 1] = text
end

local function set_buyer(customer, text)
  buyer_texts[customer] = text
  new_buyers[#new_buyers + 1] = customer
  new_buyers[#new_buyers + 1] = text
end

-- In a rush most orders have the same lines, so each text is taken apart once: {item, units, and its fields' names}.
local parsed, item_fields, asked = {}, {}, {}
local function parse(lines)
  local list = parsed[lines]
  if list then return list end
  list = {}
  for item, units in each_line(lines) do
    local line = {
      item = item, units = tonumber(units),
      a = item .. ':a', f = item .. ':f', h = item .. ':h', c = item .. ':c', l = item .. ':l',
    }
    list[#list + 1] = line
    if not asked[item] then
      asked[item] = true
      for _, name in ipairs({line.a, line.f, line.h, line.c, line.l}) do item_fields[#item_fields + 1] = name end
    end
  end
  parsed[lines] = list
  return list
end

-- Confirm: held -> confirmed; a confirmation that does not find its id in state held does nothing.
local unheld, moved = {}, {}
for i, c in ipairs(confirms) do
  local text = entry_texts[fields[i]]
  if is_held(text) and id_of(text) == c[3] then
    set_entry(fields[i], confirmed(text))
    unheld[#unheld + 1] = fields[i]
    moved[#moved + 1] = parse(lines_of(text))
  end
end

for _, o in ipairs(orders) do parse(o[5]) end
local counts = {}
if #item_fields > 0 then
  for field, value in pairs(read_fields(items_key, item_fields)) do counts[field] = tonumber(value) end
end
local changed_counts = {}

local function add(field, units)
  counts[field] = counts[field] + units
  changed_counts[field] = counts[field]
end

for _, lines in ipairs(moved) do
  for _, line in ipairs(lines) do
    add(line.h, -line.units)
    add(line.c, line.units)
  end
end

local function window_verdict()
  if meta.state == 'paused' then return {'paused'} end
  if meta.state == 'closed' then return {'ended'} end
  if closes_ms and now_ms >= closes_ms then return {'ended'} end
  if meta.state == 'open' then return nil end -- by whose clock it was opened is not asked again: clocks differ
  if opens_ms and now_ms >= opens_ms then return nil end
  return {'not_open', opens_ms or 0}
end
local closed_verdict = window_verdict()

local function limit_verdict(bought, lines)
  local total = 0
  for _, units in pairs(bought) do total = total + units end
  for _, line in ipairs(lines) do
    local limit, had = counts[line.l] or 0, bought[line.item] or 0
    if limit > 0 and had + line.units > limit then return {'over_limit', tonumber(line.item), limit, had} end
    total = total + line.units
  end
  if sale_limit > 0 and total > sale_limit then
    local had = 0
    for _, units in pairs(bought) do had = had + units end
    return {'over_limit', 0, sale_limit, had}
  end
  return nil
end

local refused = {}
local function stock_verdict(customer, lines)
  for _, line in ipairs(lines) do
    if counts[line.f] < line.units then
      refused[line.item] = refused[line.item] or {}
      table.insert(refused[line.item], customer)
      return {'sold_out', tonumber(line.item), counts[line.f], no}
    end
  end
  return nil
end

local function key_verdict(field, text, id, fingerprint)
  local entry = entry_of(text)
  if entry.fingerprint ~= fingerprint then return {'key_reused'} end
  if entry.id == id then return {'own', tonumber(entry.no), tonumber(entry.at_ms), entry.state} end
  if entry.state == 'H' and entry.joined == '0' then
    entry.joined = '1'
    set_entry(field, text_of(entry))
  end
  return {'repeated', tonumber(entry.no), tonumber(entry.at_ms), entry.state, entry.id}
end

local newly_held = {}
local function hold(field, customer, id, fingerprint, lines, bought)
  no = no + 1
  if now_ms > at_ms then at_ms, at_text = now_ms, now_text end
  set_entry(field, 'H0' .. id .. fingerprint .. string.format('%d', no) .. ';' .. at_text .. ';' .. lines)
  newly_held[#newly_held + 1] = now_text
  newly_held[#newly_held + 1] = field
  for _, line in ipairs(parse(lines)) do
    add(line.f, -line.units)
    add(line.h, line.units)
    bought[line.item] = (bought[line.item] or 0) + line.units
  end
  set_buyer(customer, buyer_texts[customer] and lines_text(bought) or lines)
  return {'held', no, at_ms}
end

local function verdict_on(field, o)
  local customer, _, id, fingerprint, lines, priced, above_epoch = unpack(o)
  if meta.epoch <= above_epoch then return {'not_loaded'} end
  local text = entry_texts[field]
  if text then return key_verdict(field, text, id, fingerprint) end
  if closed_verdict then return closed_verdict end
  if config_version ~= version then return {'stale_config'} end
  local wanted = parse(lines)
  for _, line in ipairs(wanted) do if not counts[line.a] then return {'unknown_item', tonumber(line.item)} end end
  if not priced then return {'price_changed'} end
  local bought = lines_map(buyer_texts[customer])
  return limit_verdict(bought, wanted) or stock_verdict(customer, wanted) or hold(field, customer, id, fingerprint, lines, bought)
end

local verdicts = {}
for i, o in ipairs(orders) do verdicts[i] = verdict_on(fields[#confirms + i], o) end

-- Write what changed; everything that could fail lies behind us.
write_flat(entries_key, new_entries)
write_flat(buyers_key, new_buyers)
if next(changed_counts) then write_fields(items_key, changed_counts) end
if #unheld > 0 then remove_holds(meta, unheld) end
for from = 1, #newly_held, PIECE do
  redis.call('ZADD', key_of(meta, 'holds'), unpack(newly_held, from, math.min(from + PIECE - 1, #newly_held)))
end
if no ~= tonumber(meta.no) then redis.call('HSET', meta_key, 'no', no, 'at_ms', at_text) end
for item, customers in pairs(refused) do redis.call('PFADD', base .. ':refused:' .. item, unpack(customers)) end

return cmsgpack.pack({'ok', meta.epoch, config_version, meta.context or '', verdicts})
