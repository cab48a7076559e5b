-- Whether the window of this server is complete. If not: replace it with the starts of the last window, as Postgres
-- recorded them, and allow new ones. (Begins with server.lua.)
-- A key of another type is not ours: then all of them are deleted, which is a loss like any other.
-- KEYS: starts, window, priming, checks, wake-up list, workers, running, last look at the clock
-- ARGV: marker, window in ms, what an earlier call has returned ('': only ask), age in ms, age in ms, …
-- Returns '' if it is primed, else the name of the loss. Ages that were read before this loss are refused.
local reads = {{'ZCARD'}, {'ZCARD'}, {'GET'}, {'ZCARD'}, {'LTRIM', 0, -1}, {'ZCARD'}, {'HGET', ''}, {'GET'}}
for i, read in ipairs(reads) do
  local answer = redis.pcall(read[1], KEYS[i], unpack(read, 2))
  if type(answer) == 'table' and answer.err and answer.err:find('WRONGTYPE') then
    redis.call('DEL', unpack(KEYS))
    break
  end
end
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
