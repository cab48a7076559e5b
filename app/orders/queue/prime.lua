-- After Redis has lost its data: restore the starts of the last window, as Postgres recorded them, then allow new ones.
-- KEYS: starts, window  ARGV: marker, window in ms, age in ms, age in ms, …
-- Returns 0 if another process has done it.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[2], now - tonumber(ARGV[i]), 'restored:' .. i) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[1], '+inf', ARGV[1])
return 1
