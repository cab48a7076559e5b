-- Keep the locks that are still ours.  KEYS: locks  ARGV: token, lock in ms
for _, lock in ipairs(KEYS) do
  if redis.call('GET', lock) == ARGV[1] then redis.call('PEXPIRE', lock, ARGV[2]) end
end
return 1
