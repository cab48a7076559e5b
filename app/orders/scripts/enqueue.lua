-- Put an order in line, whatever job keys exist. Asking twice changes nothing.
-- KEYS: job, its line, the other line, bell, window, orders running by worker
-- ARGV: order id, due in ms (below zero: its place in line), job, most rings, starts per window, window in ms
-- Returns: 1 if it was not in line before, and in how many ms its start can be granted
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('SET', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[1])
local added = redis.call('ZADD', KEYS[2], 'NX', now + tonumber(ARGV[2]), ARGV[1])
if added == 1 then
  redis.call('LPUSH', KEYS[4], '1')
  redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[4]))
end
local limit, window = tonumber(ARGV[5]), tonumber(ARGV[6])
if limit == 0 then return {added, 0} end
-- The start number `short` from now must wait for the one that many places back in the window to leave it.
local ahead = redis.call('ZRANK', KEYS[2], ARGV[1]) or 0
local granted = redis.call('ZCOUNT', KEYS[5], '(' .. (now - window), '+inf')
local short = ahead + 1 - (limit - granted)
if short > 0 then -- those who run have had their start
  for _, running in ipairs(redis.call('HVALS', KEYS[6])) do short = short - tonumber(running) end
end
if short <= 0 then return {added, 0} end
local oldest = redis.call('ZRANGEBYSCORE', KEYS[5], '(' .. (now - window), '+inf', 'WITHSCORES',
                          'LIMIT', (short - 1) % limit, 1)
local wait = math.floor((short - 1) / limit) * window
if #oldest > 0 then wait = wait + tonumber(oldest[2]) + window - now end
return {added, math.max(0, wait)}
