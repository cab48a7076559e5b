-- The end of jobs: dropped, or queued again. Only those whose lock this worker still holds. (Begins with lanes.lua.)
-- KEYS: checks, starts, window, wake-up list, then the lock of each
-- ARGV: token, max wake-ups, then for each: entry, queue to go back to (0: none, 1: checks, 2: starts), due in ms,
--       grant to give back ('': none)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local back = 0
for i = 5, #KEYS do
  local lock, at = KEYS[i], 4 * i - 17
  local entry, queue, due, grant = unpack(ARGV, at, at + 3)
  local holder = redis.call('GET', lock)
  if not holder or holder == ARGV[1] then
    redis.call('DEL', lock)
    if grant ~= '' then redis.call('ZREM', KEYS[3], grant) end
    -- Where it was put when it was taken, or by a sweeper since then.
    if redis.call('ZREM', KEYS[1], entry) + redis.call('ZREM', KEYS[2], entry) == 0 then remove(entry) end
    due = now + tonumber(due)
    if queue == '1' then
      redis.call('ZADD', KEYS[1], due, entry)
    elseif queue == '2' and due <= now then
      add(entry, due)
    elseif queue == '2' then
      redis.call('ZADD', KEYS[2], due, entry)
    end
    if queue ~= '0' then back = back + 1 end
  end
end
if back > 0 and redis.call('EXISTS', KEYS[4]) == 0 then
  for _ = 1, math.min(back, tonumber(ARGV[2])) do redis.call('LPUSH', KEYS[4], '1') end
end
return 1
