-- Takes from several buckets at once, by the clock of Redis. A bucket is one number: the time at which it will be full.
-- ARGV for each key: cost, quota, period in ms. Returns for each: granted, left, ms until full, ms until enough.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
    local cost, quota, period = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local step = period / quota
    local before = tonumber(redis.call('GET', key) or now)
    local full_at = math.min(math.max(before, now), now + period)
    local after = full_at + cost * step
    local granted = after - now <= period + 0.001
    local enough_in = granted and 0 or math.ceil(after - now - period)
    if granted then
        full_at = after
    end
    -- Later than in a period: the clock was set back. If that stayed, the bucket would be empty until then.
    if granted or before > now + period then
        redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.max(1, math.ceil(full_at - now)))
    end
    answers[i] = {granted and 1 or 0, math.floor((period - (full_at - now)) / step + 0.001), math.ceil(full_at - now), enough_in}
end
return answers
