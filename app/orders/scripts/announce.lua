-- Keep an event for those who come late, and ring it out to those who listen.
-- KEYS: backlog of the order  ARGV: seq, event, owner, seconds to keep the backlog, channel, what to say
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'owner', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1
