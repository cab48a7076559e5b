-- The end of jobs: dropped, or queued again. Only those whose lock this worker still holds.
-- KEYS: checks, starts, window, wake-up list, then for each: lock, job, retry counter
-- ARGV: token, max wake-ups, then for each: order id, queue to go back to (0: none, 1: checks, 2: starts), due in ms,
--       grant to give back ('': none), job
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local back = false
for i = 0, (#KEYS - 4) / 3 - 1 do
  local lock, job, retries = KEYS[5 + 3 * i], KEYS[6 + 3 * i], KEYS[7 + 3 * i]
  local id, queue, due, grant, text = unpack(ARGV, 3 + 5 * i, 7 + 5 * i)
  local holder = redis.call('GET', lock)
  if not holder or holder == ARGV[1] then
    redis.call('DEL', lock)
    if grant ~= '' then redis.call('ZREM', KEYS[3], grant) end
    for other = 1, 2 do
      if other ~= tonumber(queue) then redis.call('ZREM', KEYS[other], id) end
    end
    if queue == '0' then
      redis.call('DEL', job, retries)
    else
      redis.call('SET', job, text, 'NX') -- Redis may have lost it meanwhile
      redis.call('ZADD', KEYS[tonumber(queue)], now + tonumber(due), id)
      redis.call('LPUSH', KEYS[4], '1')
      back = true
    end
  end
end
if back then redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[2])) end
return 1
