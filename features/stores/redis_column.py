"""What all Lua scripts begin with: a string in Redis as records in order of time.

Numbers of Lua 5.1 are doubles: times stay below 2^53.
"""

from __future__ import annotations

from features.stores.redis_layout import EXACT_BYTES, HEAD, RECORD

COLUMN = f"""
local HEAD, RECORD, EXACT = {HEAD}, {RECORD}, {EXACT_BYTES}
"""

COLUMN += r"""
-- A string of records of one width, behind a header, in the order of the times they begin with.
-- A short one is held in `data` and written as a whole, which leaves no room unused in memory.
local function open(key, header, width)
  local data = redis.call('GETRANGE', key, 0, EXACT - 1)
  local c = {key = key, header = header, width = width, data = data, size = #data}
  c.whole = c.size < EXACT
  if not c.whole then c.size = redis.call('STRLEN', key) end
  c.n = c.size == 0 and 0 or (c.size - header) / width
  return c
end

local function read(c, from, length)
  if c.whole then return string.sub(c.data, from + 1, from + length) end
  if length == 0 then return '' end
  return redis.call('GETRANGE', c.key, from, from + length - 1)
end

local function hold(c)
  c.data, c.whole = read(c, 0, c.size), true
end

local function write(c, from, text)
  if c.whole then
    c.data = string.sub(c.data, 1, from) .. text .. string.sub(c.data, from + #text + 1)
    -- From here on in place: each further record of this call would copy all of it.
    if #c.data >= EXACT then
      redis.call('SET', c.key, c.data)
      c.whole = false
    end
  else
    redis.call('SETRANGE', c.key, from, text)
  end
  c.changed, c.size = true, math.max(c.size, from + #text)
  c.n = (c.size - c.header) / c.width
end

local function replace(c, data)
  c.data, c.whole, c.changed, c.size = data, true, true, #data
  c.n = c.size == 0 and 0 or (c.size - c.header) / c.width
end

local function save(c, seconds)
  if not c.changed then return end
  if not c.whole then
    redis.call('EXPIRE', c.key, seconds)
  elseif c.n == 0 then
    redis.call('DEL', c.key)
  else
    redis.call('SET', c.key, c.data, 'EX', seconds)
  end
end

local function time_at(c, place)
  return (struct.unpack('>i7', read(c, c.header + place * c.width, 7)))
end

-- How many are not later than a time, from `low` of which that is known to `high`.
local function count_until(c, time, low, high)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if time_at(c, middle) <= time then low = middle + 1 else high = middle end
  end
  return low
end

-- The place of an id in records, from 0.
local function search(text, header, width, id)
  local from = header + 9
  while true do
    local at = string.find(text, id, from, true)
    if not at then return nil end
    if (at - header - 9) % width == 0 then return (at - header - 9) / width end
    from = at + 1
  end
end
"""
