"""The Lua scripts for the history of an entity, each atomic; `redis_layout` says what they write.

A total of amounts is 8 bytes, which Lua's doubles cannot hold: it is added in two halves of 32
bits, and subtracted by the client. Totals wrap around at 2^64; differences are right even so.
"""

from __future__ import annotations

from features.stores.redis_column import COLUMN

_ENTITY = (
    COLUMN
    + r"""
local function plus(total, high, low)
  local h, l = struct.unpack('>i4I4', total)
  h, l = h + high, l + low
  h, l = h + math.floor(l / 4294967296), l % 4294967296
  return struct.pack('>i4I4', (h + 2147483648) % 4294967296 - 2147483648, l)
end

local function total_before(c, place)
  if c.size == 0 then return string.rep('\0', 8) end
  return read(c, place * RECORD, 8)
end

-- Whether the amounts that are kept add up to more than 2^62.
local function is_too_much(c, high, low)
  local h, l = struct.unpack('>i4I4', total_before(c, c.n))
  local h0, l0 = struct.unpack('>i4I4', total_before(c, 0))
  high, low = h - h0 + high, l - l0 + low
  high, low = high + math.floor(low / 4294967296), low % 4294967296
  high = (high + 2147483648) % 4294967296 - 2147483648
  return high < -1073741824 or high > 1073741824 or (high == 1073741824 and low > 0)
end

-- The place of a transaction, if it is there, and the place where it would be inserted.
local function find(c, time, id)
  if c.n == 0 or time_at(c, c.n - 1) < time then return nil, c.n end
  local last = count_until(c, time, 0, c.n)
  local first = count_until(c, time - 1, 0, last)
  local ties = read(c, c.header + first * RECORD, (last - first) * RECORD)
  local place = search(ties, 0, RECORD, id)
  return place and first + place, last
end

-- The records from a place on, with an amount added to their totals.
local function raised(c, place, high, low)
  local tail, texts = read(c, c.header + place * RECORD, (c.n - place) * RECORD), {}
  for at = 0, c.n - place - 1 do
    texts[at + 1] = string.sub(tail, at * RECORD + 1, at * RECORD + HEAD)
      .. plus(string.sub(tail, at * RECORD + HEAD + 1, (at + 1) * RECORD), high, low)
  end
  return table.concat(texts)
end

-- The braces in both keys make Redis Cluster keep them on one node.
local function frauds_of(c)
  return open(c.key .. ':f', 0, 7)
end

local function set_fraud(c, time, is_fraud, seconds)
  local frauds = frauds_of(c)
  local at = count_until(frauds, time, 0, frauds.n)
  if is_fraud then
    local tail = read(frauds, at * 7, (frauds.n - at) * 7)
    write(frauds, at * 7, struct.pack('>i7', time) .. tail)
  else
    hold(frauds)
    replace(frauds, string.sub(frauds.data, 1, at * 7 - 7) .. string.sub(frauds.data, at * 7 + 1))
  end
  save(frauds, seconds)
end

-- A label with a higher number is a later one, and odd if it says fraud.
local function mark(c, place, time, label, seconds)
  local at = c.header + place * RECORD + 7
  local old = string.byte(read(c, at, 1))
  if label <= old and label < 254 then return end
  write(c, at, string.char(label))
  if old % 2 ~= label % 2 then set_fraud(c, time, label % 2 == 1, seconds) end
end

-- Records a transaction, unless `dry`. Returns N (new), R (repeated), C (conflict: another amount),
-- O (out of range) or T (total too large); and its place.
local function put(c, record, lateness, keep, seconds, dry)
  local time, label, id, high, low = struct.unpack('>i7Bc6i4I4', record)
  local newest = c.n > 0 and time_at(c, c.n - 1) or time
  if time < newest - lateness then return 'O', newest - lateness end
  -- Not by its own time: it may still be refused, here or by another script.
  local horizon = newest - keep
  -- An eighth is expired: copying the rest costs each of these no more than seven records.
  if not dry and c.n > 0 and time_at(c, math.floor(c.n / 8)) < horizon then
    local first = count_until(c, horizon - 1, 0, c.n)
    replace(c, read(c, first * RECORD, c.size - first * RECORD))
    local frauds = frauds_of(c)
    local gone = count_until(frauds, horizon - 1, 0, frauds.n)
    if gone > 0 then
      replace(frauds, read(frauds, gone * 7, frauds.size - gone * 7))
      save(frauds, seconds)
    end
  end
  local place, place_of_new = find(c, time, id)
  if place then
    if plus(total_before(c, place), high, low) ~= total_before(c, place + 1) then return 'C', 0 end
    if not dry and label > 0 then mark(c, place, time, label, seconds) end
    return 'R', place
  end
  if is_too_much(c, high, low) then return 'T', 0 end
  if dry then return 'N', place_of_new end
  local total = plus(total_before(c, place_of_new), high, low)
  if c.size == 0 then write(c, 0, string.rep('\0', 8)) end
  local tail = place_of_new < c.n and raised(c, place_of_new, high, low) or ''
  write(c, c.header + place_of_new * RECORD, string.sub(record, 1, HEAD) .. total .. tail)
  if label % 2 == 1 then set_fraud(c, time, true, seconds) end
  return 'N', place_of_new
end
"""
)

ADD = (
    _ENTITY
    + r"""
-- Records a transaction of one entity, and says what lies before it: at its place, and at spans
-- before its time, of which the shorter come first. With labels, each span also gets the number of
-- frauds up to there, the time of the last, and that of the last without a known fraud.
local lateness, keep, seconds, with_labels, dry, from = struct.unpack('>i8i8i8BB', ARGV[2])
local c = open(KEYS[1], 8, RECORD)
local status, place = put(c, ARGV[1], lateness, keep, seconds, dry == 1)
save(c, seconds)
if status ~= 'N' and status ~= 'R' then return status .. struct.pack('>i8', place) end

local time, times, places = struct.unpack('>i7', ARGV[1]), {}, {}
local high = place
for at = from, #ARGV[2], 8 do
  times[#times + 1] = time - struct.unpack('>i8', ARGV[2], at)
  high = count_until(c, times[#times], 0, high)
  places[#places + 1] = high
end
local answer = {status, struct.pack('>i4', place), total_before(c, place)}
local frauds = with_labels == 1 and frauds_of(c)
for number, edge in ipairs(places) do
  answer[#answer + 1] = struct.pack('>i4', edge) .. total_before(c, edge)
  if frauds then
    local count = count_until(frauds, times[number], 0, frauds.n)
    local fraud = count > 0 and time_at(frauds, count - 1) or -1152921504606846976
    local genuine = -1152921504606846976
    for earlier = edge - 1, places[#places], -1 do
      local its_time, label = struct.unpack('>i7B', read(c, c.header + earlier * RECORD, 8))
      if label % 2 == 0 then
        genuine = its_time
        break
      end
    end
    answer[#answer + 1] = struct.pack('>i4i8i8', count, fraud, genuine)
  end
end
return table.concat(answer)
"""
)

FILL = (
    _ENTITY
    + r"""
-- Records transactions of many entities; one status each. The first record of an entity is behind
-- the number of its records, in two bytes.
-- Only what no window reaches any more is too old: a fill asks for no features.
local keep, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local records, from, statuses = ARGV[3], 1, {}
for number = 1, #KEYS do
  local c = open(KEYS[number], 8, RECORD)
  local count = struct.unpack('>I2', records, from)
  from = from + 2
  for _ = 1, count do
    local record = string.sub(records, from, from + RECORD - 1)
    statuses[#statuses + 1] = put(c, record, keep, keep, seconds, false)
    from = from + RECORD
  end
  save(c, seconds)
end
return table.concat(statuses)
"""
)

MARK = (
    _ENTITY
    + r"""
-- Labels a transaction of one entity, if it is there.
local time, label, id = struct.unpack('>i7Bc6', ARGV[1])
local c = open(KEYS[1], 8, RECORD)
local place = find(c, time, id)
if place then
  mark(c, place, time, label, tonumber(ARGV[2]))
  save(c, tonumber(ARGV[2]))
end
return ''
"""
)

REMOVE = (
    _ENTITY
    + r"""
-- Takes a transaction of one entity back.
local time, _, id, high, low = struct.unpack('>i7Bc6i4I4', ARGV[1])
local c = open(KEYS[1], 8, RECORD)
local place = find(c, time, id)
if place and plus(total_before(c, place), high, low) == total_before(c, place + 1) then
  mark(c, place, time, 254, tonumber(ARGV[2]))
  local later = raised(c, place + 1, -high, -low)
  hold(c)
  replace(c, string.sub(c.data, 1, c.header + place * RECORD) .. later)
  save(c, tonumber(ARGV[2]))
end
return ''
"""
)
