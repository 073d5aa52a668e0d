-- Takes a session out of one group.
--
-- KEYS[1]  hash: session id → record
-- KEYS[2]  sorted set: session id → deadline
-- ARGV[1…] session ids, at most 1000
redis.call('HDEL', KEYS[1], unpack(ARGV))
redis.call('ZREM', KEYS[2], unpack(ARGV))
return 1
