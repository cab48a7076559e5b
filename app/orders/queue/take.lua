-- Take up to `want` due orders in one round trip: first those that wait for a check of the chain, which need no start,
-- then those that wait for a start, as many as the window has left. What is taken stays in the queue, but is due again
-- only when its lock expires: no later call has to skip all that are running. (Begins with server.lua and clock.lua.)
-- KEYS: checks, starts, window, last look at the clock
-- ARGV: want, lock in ms, lock prefix, token, starts per window, window in ms, marker, job prefix,
--       1 if orders may start, 0 while the kill switch is set, then for the clock: jump, expected, epoch
-- Returns: ms until another start can be granted (0: now), ms until the next entry becomes due (-1: none will),
--          1 if primed, the clock in ms, its epoch,
--          then for each: its queue (1: checks, 2: starts), id, job (empty: missing), grant (empty: no limit)
local want, lock_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, window = tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local primed = redis.call('ZSCORE', KEYS[2], ARGV[7] .. server) and 1 or 0
local out, taken = {0, -1, primed, now, ''}, 0
if limit > 0 then out[5] = look(KEYS[3], KEYS[4], now, tonumber(ARGV[10]), ARGV[11], ARGV[12]) end

local function take(n, max, grant)
  local queue = KEYS[n]
  local offset, count, page = 0, 0, max + 10 -- and a few whose lock is still held
  while count < max do
    local ids = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', offset, page)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      if count < max and redis.call('SET', ARGV[3] .. id, ARGV[4], 'NX', 'PX', lock_ms) then
        count = count + 1
        redis.call('ZADD', queue, now + lock_ms, id)
        out[#out + 1] = n
        out[#out + 1] = id
        out[#out + 1] = redis.call('GET', ARGV[8] .. id) or ''
        out[#out + 1] = grant and grant(id) or ''
      else
        offset = offset + 1
        -- Redis's clock was set back: the lock of a worker that died would expire as much later.
        if redis.call('PTTL', ARGV[3] .. id) > lock_ms + 1000 then redis.call('PEXPIRE', ARGV[3] .. id, lock_ms) end
      end
    end
  end
  return count
end

local function grant(id)
  local name = id .. ':' .. now
  redis.call('ZADD', KEYS[3], now, name)
  return name
end

taken = take(1, want, nil)
if ARGV[9] == '0' then
  out[1] = 1000
elseif taken < want then
  if limit == 0 then
    taken = taken + take(2, want - taken, nil)
  elseif primed == 1 then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - window)
    -- Redis's clock was set back: grants of the future would never leave the window, so they count from now on.
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. now, '+inf')) do
      redis.call('ZADD', KEYS[3], now, name)
    end
    local left = limit - redis.call('ZCARD', KEYS[3])
    if left > 0 then
      local started = take(2, math.min(left, want - taken), grant)
      -- In a thousand years: it must not expire when the clock jumps. Older processes of the engine make it expire.
      if started > 0 then redis.call('EXPIRE', KEYS[3], 3e10) end
      taken = taken + started
      left = left - started
    end
    if left <= 0 then
      local oldest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
      out[1] = math.max(1, tonumber(oldest[2]) + window - now)
    end
  end
end
for _, queue in ipairs({KEYS[1], KEYS[2]}) do
  local due = redis.call('ZRANGEBYSCORE', queue, '(' .. now, '(+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #due > 0 then
    local ms = math.max(1, tonumber(due[2]) - now)
    if out[2] < 0 or ms < out[2] then out[2] = ms end
  end
end
return out
