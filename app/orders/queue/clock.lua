-- Redis's clock may jump forward, and grants would leave the window too early. So between two looks at the clock grants
-- age only by the time that surely has passed: until the clock that this worker expects, from its own last look and its
-- monotonic clock, or until a look of another worker. The rest is added to their scores. After a clock was set back,
-- workers that have not seen it yet expect too late a clock: a new epoch begins, and they are not believed.
-- Keys of the window and of the last look, the clock in ms, the shortest jump that is noticed (the way of a request
-- looks like one), the expected clock in ms, and the epoch in which this worker has read it. Returns the epoch.
local function look(window, clock, now, jump, expected, expected_in)
  local at, epoch = (redis.call('GET', clock) or ''):match('^(%d+) (%d+)$')
  local proven = tonumber(at) or 0
  if epoch and epoch == expected_in then proven = math.max(proven, tonumber(expected)) end
  if not epoch or now < proven - jump then epoch = tostring(now) end
  if now > proven + jump then
    local grants = redis.call('ZRANGE', window, 0, -1, 'WITHSCORES')
    for i = 1, #grants, 2 do
      redis.call('ZADD', window, math.min(now, tonumber(grants[i + 1]) + now - proven), grants[i])
    end
  end
  redis.call('SET', clock, now .. ' ' .. epoch)
  return epoch
end
