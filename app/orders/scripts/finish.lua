-- The end of a job: out of the queue, or back in line. Only for the worker that holds the lock.
-- KEYS: lock, job, retry counter, line to go back to, the other line, window, bell
-- ARGV: token, order id, due in ms ('': it is done), grant to give back ('': none), most rings, job
-- Returns 0 if another worker holds the lock now.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[4] ~= '' then redis.call('ZREM', KEYS[6], ARGV[4]) end
redis.call('ZREM', KEYS[5], ARGV[2])
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[4], ARGV[2])
  redis.call('DEL', KEYS[2], KEYS[3])
else
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('SET', KEYS[2], ARGV[6], 'NX') -- Redis may have forgotten it meanwhile
  redis.call('ZADD', KEYS[4], now + tonumber(ARGV[3]), ARGV[2])
  redis.call('LPUSH', KEYS[7], '1')
  redis.call('LTRIM', KEYS[7], 0, tonumber(ARGV[5]))
end
return 1
