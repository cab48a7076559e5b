-- The depth of the queue. (Begins with lanes.lua.)
-- KEYS: starts, checks, window, workers, running, and one that is written once: a Redis that takes no writes, because its
--       memory is full or it is a replica, refuses that, and counts as down
-- ARGV: window in ms, ms in which a heartbeat expires
-- Returns: entries that are taken or in a back-off, entries that wait for a check, starts granted, workers, orders
--          running, ms that the first entry has been due, then the entries of each lane
redis.call('SET', KEYS[6], '', 'NX')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local running, workers = 0, redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. now, now + tonumber(ARGV[2]) + 1000)
for _, worker in ipairs(workers) do
  running = running + (tonumber(redis.call('HGET', KEYS[5], worker) or '') or 0)
end
local out = {redis.call('ZCOUNT', KEYS[1], '-inf', '(+inf'), redis.call('ZCARD', KEYS[2]),
             redis.call('ZCOUNT', KEYS[3], '(' .. (now - tonumber(ARGV[1])), '+inf'),
             #workers, running, 0}
local function oldest(key)
  local due = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
  if #due > 0 then out[6] = math.max(out[6], now - tonumber(due[2])) end
end
oldest(KEYS[1])
for lane = 1, 4 do
  oldest(PREFIX .. lane)
  out[#out + 1] = redis.call('ZCARD', PREFIX .. lane)
end
return out
