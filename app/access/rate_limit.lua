-- Takes from several buckets at once, by Redis's clock. Each is one number: the moment at which it will be full again.
-- ARGV, for each key: how much, the quota, the period in ms. Answers for each: granted, left, full in ms, enough in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
    local cost, quota, period = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local step = period / quota
    local full_at = math.min(math.max(tonumber(redis.call('GET', key) or now), now), now + period)
    local after = full_at + cost * step
    local granted = after - now <= period + 0.001
    local enough_in = granted and 0 or math.ceil(after - now - period)
    if granted then
        full_at = after
        redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.max(1, math.ceil(full_at - now)))
    end
    answers[i] = {granted and 1 or 0, math.floor((period - (full_at - now)) / step + 0.001), math.ceil(full_at - now), enough_in}
end
return answers
