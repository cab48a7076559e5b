-- Whether the window of this server is complete. If not: replace it with the starts of the last window, as Postgres
-- recorded them, and allow new ones. (Begins with server.lua.)
-- A key of another type is not ours, and of a lane there are all keys or none: else all of them are deleted, which is a
-- loss like any other.
-- KEYS: starts, window, priming, checks, wake-up list, workers, running, last look at the clock, next slot, then of each
--       lane: entries, rows by owner, turns
-- ARGV: marker, window in ms, what an earlier call has returned ('': only ask), age in ms, age in ms, …
-- Returns '' if it is primed, else the name of the loss. Ages that were read before this loss are refused.
local reads = {[3] = {'GET'}, [5] = {'LTRIM', 0, -1}, [7] = {'HGET', ''}, [8] = {'GET'}, [9] = {'GET'}}
local sizes, broken = {}, false
for i, key in ipairs(KEYS) do
  local read = reads[i] or {'ZCARD'}
  sizes[i] = redis.pcall(read[1], key, unpack(read, 2))
  broken = broken or type(sizes[i]) == 'table' and sizes[i].err and sizes[i].err:find('WRONGTYPE')
end
for i = 10, #KEYS, 3 do
  broken = broken or sizes[i] ~= sizes[i + 1] or (sizes[i] == 0) ~= (sizes[i + 2] == 0)
end
if broken then redis.call('DEL', unpack(KEYS)) end
local marker = ARGV[1] .. server
if redis.call('ZSCORE', KEYS[1], marker) then return '' end
local clock = redis.call('TIME')
local loss = redis.call('GET', KEYS[3])
if not loss or loss:sub(1, #server) ~= server then
  loss = server .. ':' .. clock[1] .. '.' .. clock[2]
  redis.call('SET', KEYS[3], loss)
end
if ARGV[3] ~= loss then return loss end
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('DEL', KEYS[2], KEYS[3])
for i = 4, #ARGV do redis.call('ZADD', KEYS[2], now - tonumber(ARGV[i]), 'restored:' .. i) end
redis.call('SET', KEYS[8], now .. ' ' .. now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '+inf', '+inf')
redis.call('ZADD', KEYS[1], '+inf', marker)
return ''
