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

-- Read all that the batch may touch in three calls.
local entry_fields, buyer_fields, item_fields, asked = {}, {}, {}, {}
for _, c in ipairs(confirms) do entry_fields[#entry_fields + 1] = c[1] .. ':' .. c[2] end
for _, o in ipairs(orders) do
  entry_fields[#entry_fields + 1] = o[1] .. ':' .. o[2]
  buyer_fields[#buyer_fields + 1] = o[1]
end
local entry_texts = read_fields(entries_key, entry_fields)
local buyer_texts = read_fields(buyers_key, buyer_fields)
local entries, new_entries, buyers, new_buyers = {}, {}, {}, {}

local function entry_at(field)
  local entry = entries[field]
  if entry == nil and entry_texts[field] then
    entry = entry_of(entry_texts[field])
    entries[field] = entry
  end
  return entry
end

local function bought_by(customer)
  local bought = buyers[customer]
  if not bought then
    bought = lines_map(buyer_texts[customer])
    buyers[customer] = bought
  end
  return bought
end

-- In a rush most orders have the same lines, so each text is taken apart once: {item, units, and its fields' names}.
local parsed = {}
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
for _, text in pairs(entry_texts) do if is_held(text) then parse(lines_of(text)) end end
for _, o in ipairs(orders) do parse(o[5]) end
local item_texts = #item_fields > 0 and read_fields(items_key, item_fields) or {}
local counts = {}
for field, value in pairs(item_texts) do counts[field] = value and tonumber(value) end
local changed_counts = {}

local function add(field, units)
  counts[field] = counts[field] + units
  changed_counts[field] = counts[field]
end

-- Confirm: held -> confirmed; a confirmation that does not find its id in state held does nothing.
local unheld = {}
for _, c in ipairs(confirms) do
  local field = c[1] .. ':' .. c[2]
  local text = entry_texts[field]
  if is_held(text) and id_of(text) == c[3] then
    entry_texts[field] = confirmed(text)
    new_entries[field] = entry_texts[field]
    unheld[#unheld + 1] = field
    for _, line in ipairs(parse(lines_of(text))) do
      add(line.h, -line.units)
      add(line.c, line.units)
    end
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

local function key_verdict(field, entry, id, fingerprint)
  if entry.fingerprint ~= fingerprint then return {'key_reused'} end
  if entry.id == id then return {'own', tonumber(entry.no), tonumber(entry.at_ms), entry.state} end
  if entry.state == 'H' and entry.joined == '0' then
    entry.joined = '1'
    new_entries[field] = text_of(entry)
  end
  return {'repeated', tonumber(entry.no), tonumber(entry.at_ms), entry.state, entry.id}
end

local newly_held = {}
local function hold(field, customer, id, fingerprint, lines, bought)
  no = no + 1
  at_ms = math.max(at_ms, now_ms)
  local entry = {state = 'H', joined = '0', id = id, fingerprint = fingerprint, no = no, at_ms = at_ms, lines = lines}
  entries[field] = entry
  new_entries[field] = text_of(entry)
  newly_held[#newly_held + 1] = now_ms
  newly_held[#newly_held + 1] = field
  for _, line in ipairs(parse(lines)) do
    add(line.f, -line.units)
    add(line.h, line.units)
    bought[line.item] = (bought[line.item] or 0) + line.units
  end
  new_buyers[customer] = lines_text(bought)
  return {'held', no, at_ms}
end

local function verdict_on(o)
  local customer, key, id, fingerprint, lines, priced, above_epoch = unpack(o)
  if meta.epoch <= above_epoch then return {'not_loaded'} end
  local field = customer .. ':' .. key
  local entry = entry_at(field)
  if entry then return key_verdict(field, entry, id, fingerprint) end
  if closed_verdict then return closed_verdict end
  if config_version ~= version then return {'stale_config'} end
  local wanted = parse(lines)
  for _, line in ipairs(wanted) do if not counts[line.a] then return {'unknown_item', tonumber(line.item)} end end
  if not priced then return {'price_changed'} end
  local bought = bought_by(customer)
  return limit_verdict(bought, wanted) or stock_verdict(customer, wanted) or hold(field, customer, id, fingerprint, lines, bought)
end

local verdicts = {}
for i, o in ipairs(orders) do verdicts[i] = verdict_on(o) end

-- Write what changed; everything that could fail lies behind us.
if next(new_entries) then write_fields(entries_key, new_entries) end
if next(new_buyers) then write_fields(buyers_key, new_buyers, word) end
if next(changed_counts) then write_fields(items_key, changed_counts) end
if #unheld > 0 then remove_holds(meta, unheld) end
for from = 1, #newly_held, PIECE do
  redis.call('ZADD', key_of(meta, 'holds'), unpack(newly_held, from, math.min(from + PIECE - 1, #newly_held)))
end
if no ~= tonumber(meta.no) then redis.call('HSET', meta_key, 'no', no, 'at_ms', at_ms) end
for item, customers in pairs(refused) do redis.call('PFADD', base .. ':refused:' .. item, unpack(customers)) end

return cmsgpack.pack({'ok', meta.epoch, config_version, meta.context or '', verdicts})
