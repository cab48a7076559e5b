-- Queue orders, whatever job keys exist. Queueing twice changes nothing, except that the earlier due time wins: an
-- order whose worker has died gets its old place back.
-- KEYS: their queue, the other queue, wake-up list, window, then the job key of each
-- ARGV: max wake-ups, starts per window, window in ms, then for each: order id, due in ms, job
-- Returns for each: 1 if it was missing, and in how many ms its start can be granted
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local out, put = {}, 0
for i = 1, #KEYS - 4 do
  local at = 3 * i + 1
  redis.call('SET', KEYS[4 + i], ARGV[at + 2])
  redis.call('ZREM', KEYS[2], ARGV[at])
  local added = redis.call('ZADD', KEYS[1], 'LT', now + tonumber(ARGV[at + 1]), ARGV[at])
  put = put + added
  out[#out + 1] = added
  out[#out + 1] = 0
end
for _ = 1, math.min(put, tonumber(ARGV[1])) do redis.call('LPUSH', KEYS[3], '1') end
if put > 0 then redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[1])) end
if limit == 0 then return out end

-- The order `short` places beyond the starts left waits until that many of the oldest grants have left the window.
local left = limit - redis.call('ZCOUNT', KEYS[4], '(' .. (now - window), '+inf')
for i = 1, #KEYS - 4 do
  local short = (redis.call('ZRANK', KEYS[1], ARGV[3 * i + 1]) or 0) + 1 - left
  if short > 0 then
    local oldest = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. (now - window), '+inf', 'WITHSCORES',
                              'LIMIT', (short - 1) % limit, 1)
    local wait = math.floor((short - 1) / limit) * window
    if #oldest > 0 then wait = wait + tonumber(oldest[2]) + window - now end
    out[2 * i] = math.max(0, wait)
  end
end
return out
