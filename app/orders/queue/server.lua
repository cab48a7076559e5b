-- The beginning of the scripts that need it: `server` names this Redis and its history. It changes with a restart, which
-- may lose the last second of the append-only file, and when a replica takes over. Both cost 16 microseconds.
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
local server = (info:match('run_id:(%w+)') or '') .. ':' .. (info:match('master_replid:(%w+)') or '')
