-- Keep events for replay, and publish them, all in one message, on the event channel.
-- KEYS: backlog of each order  ARGV: channel, then for each: seq, event, seconds to keep
local events = {}
for i, backlog in ipairs(KEYS) do
  local at = 3 * i - 1
  events[i] = ARGV[at + 1]
  redis.call('HSET', backlog, ARGV[at], ARGV[at + 1])
  redis.call('EXPIRE', backlog, ARGV[at + 2])
end
redis.call('PUBLISH', ARGV[1], table.concat(events, '\n'))
return 1
