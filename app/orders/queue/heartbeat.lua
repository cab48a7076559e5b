-- A worker's heartbeat: how many orders it runs. Workers whose heartbeat has expired are removed.
-- KEYS: workers, running  ARGV: token, orders running, ms until it expires (0: it has stopped), the most such ms
-- Returns 0 if Redis's clock was set back since this worker's last one. A heartbeat that would expire too late is from
-- before that, and is removed as well: workers that live send another one.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local latest = now + tonumber(ARGV[4]) + 1000
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, range in ipairs({{'-inf', now}, {'(' .. latest, '+inf'}}) do
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], range[1], range[2])) do
    redis.call('ZREM', KEYS[1], dead)
    redis.call('HDEL', KEYS[2], dead)
  end
end
return before and tonumber(before) > latest and 0 or 1
