-- The beginning of the scripts that work with lanes. A lane (its number: `lanes.py`) has three keys:
--   PREFIX<lane>         the entries that wait in it, by when they became due
--   PREFIX<lane>:owners  for each entry: owner, zero byte, due in 14 digits, entry; all scored 0, so in that order
--   PREFIX<lane>:turns   the owners of these entries, by turn: the lowest is next
-- An entry is `<order>:<lane>:<owner>`; one that an older process has queued is only the order, and a market order.
local PREFIX, MARKET = 'engine:lane:', '2'
local SLOTS = '1202320242' -- the lane of each of ten starts in a row; 0: of the first lane that is not empty

local function place(entry)
  local lane = entry:sub(37):match('^:([1-4]):')
  return PREFIX .. (lane or MARKET), lane and entry:sub(40) or ''
end

local function row(entry, owner, due)
  return owner .. '\0' .. string.format('%014.0f', due) .. entry
end

-- Up to `count` rows of an owner, from the first that waits on.
local function rows_of(lane, owner, from, count)
  return redis.call('ZRANGE', lane .. ':owners', '[' .. owner .. '\0', '(' .. owner .. '\1', 'BYLEX',
                    'LIMIT', from, count)
end

local has_turn = {} -- owners that this call of the script has seen there

-- Returns 1 if it was not in its lane. If it was, the earlier due time wins.
local function add(entry, due)
  local lane, owner = place(entry)
  due = math.max(0, due)
  if redis.call('ZADD', lane, 'NX', due, entry) == 0 then
    local before = redis.call('ZSCORE', lane, entry)
    if tonumber(before) <= due then return 0 end
    redis.call('ZADD', lane, due, entry)
    redis.call('ZREM', lane .. ':owners', row(entry, owner, before))
    redis.call('ZADD', lane .. ':owners', 0, row(entry, owner, due))
    return 0
  end
  redis.call('ZADD', lane .. ':owners', 0, row(entry, owner, due))
  if not has_turn[lane .. owner] then
    -- A new owner comes after those whose turn it is: who always has one order must not start all of them first.
    local first = redis.call('ZRANGE', lane .. ':turns', 0, 0, 'WITHSCORES')
    if first[1] ~= owner then redis.call('ZADD', lane .. ':turns', 'NX', (first[2] or 0) + 1, owner) end
    has_turn[lane .. owner] = true
  end
  return 1
end

local function remove(entry)
  local lane, owner = place(entry)
  local due = redis.call('ZSCORE', lane, entry)
  if not due then return end
  redis.call('ZREM', lane, entry)
  redis.call('ZREM', lane .. ':owners', row(entry, owner, due))
  if #rows_of(lane, owner, 0, 1) == 0 then
    redis.call('ZREM', lane .. ':turns', owner)
    has_turn[lane .. owner] = nil
  end
end
