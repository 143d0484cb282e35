"""The Lua scripts for transaction ids, each atomic; `redis_layout` says what they write."""

from __future__ import annotations

from features.stores.redis_column import COLUMN

_IDS = (
    COLUMN
    + r"""
local function place_of(c, id)
  return search(read(c, 0, c.size), 7, c.width, id)
end

local function record_at(c, place)
  return read(c, 7 + place * c.width, c.width)
end

local function remove(c, place)
  hold(c)
  local at = 7 + place * c.width
  replace(c, string.sub(c.data, 1, at) .. string.sub(c.data, at + c.width + 1))
end

-- What a label becomes: each reversal has the next number, so that the later of two is known.
local function next_label(old, label)
  if old == 0 then return label end
  if old % 2 == label % 2 then return old end
  return old < 254 and old + 1 or 509 - old
end

local function label_at(c, place, label)
  local at = 7 + place * c.width + 7
  local old = string.byte(read(c, at, 1))
  local new = next_label(old, label)
  if new ~= old then write(c, at, string.char(new)) end
end
"""
)

CLAIM = (
    _IDS
    + r"""
-- Records ids with their times and entities; a status and the record that is kept of each.
-- N (new), R (repeated) or C (conflict: another time or entity). The first record of a key is
-- behind the number of its records, in two bytes.
local keep, seconds, width, dry = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local answer, records, at = {}, ARGV[5], 1
for _, key in ipairs(KEYS) do
  local c = open(key, 7, width)
  local newest = c.size > 0 and struct.unpack('>i7', read(c, 0, 7)) or nil
  if newest and dry ~= '1' and c.n > 0 and time_at(c, math.floor(c.n / 8)) < newest - keep then
    local first = 0
    while first < c.n and time_at(c, first) < newest - keep do first = first + 1 end
    replace(c, read(c, 0, 7) .. read(c, 7 + first * width, c.size - 7 - first * width))
  end
  local count = struct.unpack('>I2', records, at)
  at = at + 2
  for _ = 1, count do
    local record = string.sub(records, at, at + width - 1)
    at = at + width
    local time, label, id = struct.unpack('>i7Bc6', record)
    local place = place_of(c, id)
    local kept = place and record_at(c, place)
    local is_same = kept and string.sub(kept, 1, 7) == string.sub(record, 1, 7)
      and string.sub(kept, HEAD + 1) == string.sub(record, HEAD + 1)
    -- An expired one may still be there, and its id be used again.
    if place and not is_same and time_at(c, place) < newest - keep then
      if dry ~= '1' then remove(c, place) end
      place = nil
    end
    if not place then
      if dry ~= '1' then
        if not newest or time > newest then
          newest = time
          write(c, 0, struct.pack('>i7', time))
        end
        write(c, c.size, record)
      end
      answer[#answer + 1] = 'N' .. record
    else
      if is_same and label > 0 and dry ~= '1' then label_at(c, place, label) end
      answer[#answer + 1] = (is_same and 'R' or 'C') .. record_at(c, place)
    end
  end
  save(c, seconds)
end
return table.concat(answer)
"""
)

LABEL = (
    _IDS
    + r"""
-- Labels an id. The label it had, and its record; nothing if it is not kept.
local keep, seconds, width = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local c = open(KEYS[1], 7, width)
local place = place_of(c, ARGV[4])
if not place or time_at(c, place) < struct.unpack('>i7', read(c, 0, 7)) - keep then return '' end
local old = string.sub(record_at(c, place), 8, 8)
label_at(c, place, tonumber(ARGV[5]))
save(c, seconds)
return old .. record_at(c, place)
"""
)

RELEASE = (
    _IDS
    + r"""
-- Takes an id back, if it has this record.
local c = open(KEYS[1], 7, #ARGV[1])
local place = place_of(c, string.sub(ARGV[1], 9, HEAD))
if place and string.sub(record_at(c, place), 1, 7) == string.sub(ARGV[1], 1, 7) then
  remove(c, place)
  -- Nor may it stay the newest, by which others expire.
  if c.n > 0 and string.sub(c.data, 1, 7) == string.sub(ARGV[1], 1, 7) then
    local newest = time_at(c, 0)
    for other = 1, c.n - 1 do newest = math.max(newest, time_at(c, other)) end
    write(c, 0, struct.pack('>i7', newest))
  end
  save(c, tonumber(ARGV[2]))
end
return ''
"""
)
