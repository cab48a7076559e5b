-- Extend the locks that this worker still holds, and keep their entries from being due before the lock expires.
-- KEYS: checks, starts, then the locks  ARGV: token, lock in ms, then the id of each
local clock = redis.call('TIME')
local due = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[2])
for i = 1, #KEYS - 2 do
  if redis.call('GET', KEYS[2 + i]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[2 + i], ARGV[2])
    for queue = 1, 2 do redis.call('ZADD', KEYS[queue], 'XX', due, ARGV[2 + i]) end
  end
end
return 1
