-- Part of enqueue.lua: in how many ms an order can start. About, because orders that come later may
-- belong to a lane or to an owner that is served before.

local function count_of(lane, owner)
  local first = rows_of(lane, owner, 0, 1)[1]
  if not first then return 0 end
  local last = redis.call('ZRANGE', lane .. ':owners', '(' .. owner .. '\1', '[' .. owner .. '\0', 'BYLEX', 'REV',
                          'LIMIT', 0, 1)[1]
  return redis.call('ZRANK', lane .. ':owners', last) - redis.call('ZRANK', lane .. ':owners', first) + 1
end

-- How many starts come before that of the last of `mine` orders in a lane, if lanes are served evenly by their shares.
local function starts_before(lane, mine, waiting)
  local left, starts = {unpack(waiting)}, 0
  left[lane] = mine
  while true do
    local share, nobodys, first = {}, #SLOTS, nil
    for other = 4, 1, -1 do
      if left[other] > 0 then
        local _, slots = SLOTS:gsub(other, '')
        share[other], nobodys, first = slots, nobodys - slots, other
      end
    end
    share[first] = share[first] + nobodys
    local rounds, emptied = math.huge, nil
    for other, slots in pairs(share) do
      if left[other] / slots < rounds then rounds, emptied = left[other] / slots, other end
    end
    starts = starts + rounds * #SLOTS
    if emptied == lane then return math.max(0, math.ceil(starts) - 1) end
    for other, slots in pairs(share) do left[other] = other == emptied and 0 or left[other] - rounds * slots end
  end
end

local function forecast(window_key, limit, window, now)
  local left = limit - redis.call('ZCOUNT', window_key, '(' .. (now - window), '+inf')
  local waiting, total = {}, 0
  for lane = 1, 4 do
    waiting[lane] = redis.call('ZCARD', PREFIX .. lane)
    total = total + waiting[lane]
  end

  -- For an order in a lane (its number) with so many others, of so many owners, after so many of its own owner.
  local function starts_in(lane, others, owners, own)
    local mine = math.min(others, (own + 1) * owners - 1) + 1 -- at most: if every owner has as many
    -- The order `short` places beyond the starts left waits until that many of the oldest grants have left the window.
    local short = starts_before(lane, mine, waiting) + 1 - left
    if short <= 0 then return 0 end
    local oldest = redis.call('ZRANGEBYSCORE', window_key, '(' .. (now - window), '+inf', 'WITHSCORES',
                              'LIMIT', (short - 1) % limit, 1)
    local wait = math.floor((short - 1) / limit) * window
    if #oldest > 0 then wait = wait + tonumber(oldest[2]) + window - now end
    return math.max(0, wait)
  end

  return starts_in, waiting, total <= left
end
