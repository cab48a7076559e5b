-- The depth of the queue.
-- KEYS: starts, checks, window, workers, running
-- ARGV: window in ms, ms in which a heartbeat expires
-- Returns: waiting for a start, waiting for a check, starts granted, workers, orders running,
--          ms that the first entry has been due
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local running, workers = 0, redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. now, now + tonumber(ARGV[2]) + 1000)
for _, worker in ipairs(workers) do
  running = running + (tonumber(redis.call('HGET', KEYS[5], worker) or '') or 0)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
local waited = #due > 0 and now - tonumber(due[2]) or 0
return {redis.call('ZCOUNT', KEYS[1], '-inf', '(+inf'), redis.call('ZCARD', KEYS[2]),
        redis.call('ZCOUNT', KEYS[3], '(' .. (now - tonumber(ARGV[1])), '+inf'),
        #workers, running, waited}
