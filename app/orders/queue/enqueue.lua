-- Queue orders. Queueing twice changes nothing, except that the earlier due time wins: an order whose worker has died
-- gets its old place back. (Begins with lanes.lua and starts_in.lua.)
-- KEYS: checks, starts, wake-up list, window
-- ARGV: max wake-ups, new, submitted (these wait for a check) or '' (else), starts per window, window in ms, then for each: entry, due in ms
-- Returns for each: 1 if it was missing, and in how many ms its start can be granted
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local out, put = {}, 0
for i = 5, #ARGV, 2 do
  local entry, due, added = ARGV[i], now + tonumber(ARGV[i + 1]), 0
  if ARGV[2] == 'new' then
    added = add(entry, due)
  elseif ARGV[2] == 'submitted' then
    remove(entry)
    redis.call('ZREM', KEYS[2], entry)
    added = redis.call('ZADD', KEYS[1], 'LT', due, entry)
  else
    redis.call('ZREM', KEYS[1], entry)
    if due <= now then
      added = add(entry, due) - redis.call('ZREM', KEYS[2], entry)
    elseif not redis.call('ZSCORE', place(entry), entry) then
      added = redis.call('ZADD', KEYS[2], 'LT', due, entry)
    end
  end
  put = put + math.max(0, added)
  out[#out + 1] = math.max(0, added)
  out[#out + 1] = 0
end
-- While the list is not empty no worker blocks on it.
if put > 0 and redis.call('EXISTS', KEYS[3]) == 0 then
  for _ = 1, math.min(put, tonumber(ARGV[1])) do redis.call('LPUSH', KEYS[3], '1') end
end
if ARGV[3] == '0' or ARGV[2] == 'submitted' then return out end

local starts_in, waiting, all_start_now = forecast(KEYS[4], tonumber(ARGV[3]), tonumber(ARGV[4]), now)
for i = 5, #ARGV, 2 do
  if all_start_now then break end
  local lane, owner = place(ARGV[i])
  local number = tonumber(lane:sub(-1))
  out[i - 3] = starts_in(number, waiting[number] - 1, redis.call('ZCARD', lane .. ':turns'), count_of(lane, owner) - 1)
end
return out
