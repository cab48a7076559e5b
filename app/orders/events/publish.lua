-- Keep events for replay, and publish them, all in one message, on the event channel.
-- KEYS: backlog of each order  ARGV: channel, message, then for each: seq, event, owner, seconds to keep
for i, backlog in ipairs(KEYS) do
  local at = 4 * i - 1
  redis.call('HSET', backlog, ARGV[at], ARGV[at + 1], 'owner', ARGV[at + 2])
  redis.call('EXPIRE', backlog, ARGV[at + 3])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
