-- Take up to `want` due orders in one round trip: first those that wait for a check of the chain, which need no start,
-- then those that wait for a start, as many as the window has left. What is taken is due again when its lock expires.
-- (Begins with server.lua, clock.lua and lanes.lua.)
-- KEYS: checks, starts, window, last look at the clock, next slot
-- ARGV: want, lock in ms, lock prefix, token, starts per window, window in ms, marker,
--       1 if orders may start, 0 while the kill switch is set, then for the clock: jump, expected, epoch
-- Returns: ms until another start can be granted (0: now), ms until the next entry becomes due (-1: none will),
--          1 if primed, the clock in ms, its epoch,
--          then for each: its queue (1: checks, 2: starts), entry, grant (empty: no limit)
local PROMOTED = 100 -- entries at a time that return to their lane; the next call goes on
local want, lock_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, window = tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local primed = redis.call('ZSCORE', KEYS[2], ARGV[7] .. server) and 1 or 0
local out, taken = {0, -1, primed, now, ''}, 0
if limit > 0 then out[5] = look(KEYS[3], KEYS[4], now, tonumber(ARGV[9]), ARGV[10], ARGV[11]) end

local function lock(entry)
  local name = ARGV[3] .. entry:sub(1, 36)
  if redis.call('SET', name, ARGV[4], 'NX', 'PX', lock_ms) then return true end
  -- Redis's clock was set back: the lock of a worker that died would expire as much later.
  if redis.call('PTTL', name) > lock_ms + 1000 then redis.call('PEXPIRE', name, lock_ms) end
  return false
end

local function take_checks(max)
  local offset, count, page = 0, 0, max + 10 -- and a few whose lock is still held
  while count < max do
    local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', offset, page)
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      if count < max and lock(entry) then
        count = count + 1
        redis.call('ZADD', KEYS[1], now + lock_ms, entry)
        out[#out + 1] = 1
        out[#out + 1] = entry
        out[#out + 1] = ''
      else
        offset = offset + 1
      end
    end
  end
  return count
end

local runs = {} -- of a lane: rows that are next. Several only if the lane has a single owner: others would take turns
local passed, locked = {}, {} -- how many owners of a lane, and entries of an owner, are passed over because of locks
local empty = {} -- lanes with nothing left

local function run_of(lane)
  local at = passed[lane] or 0
  local owner, turn, other = unpack(redis.call('ZRANGE', lane .. ':turns', at, at + 1, 'WITHSCORES'))
  if not owner then return nil end
  local skip, count = locked[lane .. owner] or 0, other and 2 or want + 1
  local rows = rows_of(lane, owner, skip, count)
  return {owner = owner, turn = turn, alone = not other, rows = rows, next = 1, skip = skip, last = #rows < count}
end

-- The entry of a lane whose turn it is, locked and out of its lane; nil: there is none.
local function next_in(lane)
  while not empty[lane] do
    local run = runs[lane] or run_of(lane)
    local row = run and run.rows[run.next]
    if not row then
      runs[lane] = nil
      if run and run.last and run.skip == 0 then
        redis.call('ZREM', lane .. ':turns', run.owner)
      elseif run and run.last then
        passed[lane] = (passed[lane] or 0) + 1
      end
      empty[lane] = not run or run.alone and run.last
    else
      local entry = row:sub(#run.owner + 16)
      run.next = run.next + 1
      runs[lane] = run.alone and run or nil
      if lock(entry) then
        redis.call('ZREM', lane, entry)
        redis.call('ZREM', lane .. ':owners', row)
        if run.last and run.skip == 0 and run.next > #run.rows then
          redis.call('ZREM', lane .. ':turns', run.owner)
          runs[lane], empty[lane] = nil, run.alone
        elseif not run.alone then
          redis.call('ZADD', lane .. ':turns', run.turn + 1, run.owner)
        end
        return entry
      end
      run.skip = run.skip + 1
      locked[lane .. run.owner] = run.skip
    end
  end
end

local function take_starts(max, grant)
  local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES', 'LIMIT', 0, PROMOTED)
  for i = 1, #due, 2 do -- after a back-off, or from a worker that has died
    redis.call('ZREM', KEYS[2], due[i])
    add(due[i], tonumber(due[i + 1]))
  end
  -- Most of the time only market orders wait: slots count while there is a choice.
  local choice = redis.call('EXISTS', PREFIX .. 1, PREFIX .. 3, PREFIX .. 4) > 0
  if not choice then
    for lane = 1, 4 do empty[PREFIX .. lane] = PREFIX .. lane ~= PREFIX .. MARKET end
  end
  local count, slot = 0, choice and tonumber(redis.call('GET', KEYS[5]) or '') or 0
  while count < max do
    local whose, entry = SLOTS:sub(slot + 1, slot + 1), nil
    if whose ~= '0' then entry = next_in(PREFIX .. whose) end
    for lane = 1, 4 do entry = entry or next_in(PREFIX .. lane) end
    if not entry then break end
    count, slot = count + 1, (slot + 1) % #SLOTS
    redis.call('ZADD', KEYS[2], now + lock_ms, entry)
    out[#out + 1] = 2
    out[#out + 1] = entry
    out[#out + 1] = grant and grant(entry) or ''
  end
  if choice and count > 0 then redis.call('SET', KEYS[5], slot) end
  return count
end

local function grant(entry)
  local name = entry:sub(1, 36) .. ':' .. now
  redis.call('ZADD', KEYS[3], now, name)
  return name
end

taken = take_checks(want)
if ARGV[8] == '0' then
  out[1] = 1000
elseif taken < want then
  if limit == 0 then
    taken = taken + take_starts(want - taken, nil)
  elseif primed == 1 then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - window)
    -- Redis's clock was set back: grants of the future would never leave the window, so they count from now on.
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. now, '+inf')) do
      redis.call('ZADD', KEYS[3], now, name)
    end
    local left = limit - redis.call('ZCARD', KEYS[3])
    if left > 0 then
      local started = take_starts(math.min(left, want - taken), grant)
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
