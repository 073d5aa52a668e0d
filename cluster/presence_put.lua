-- Writes sessions into one group, which is what a user, a room or a node has of them, and drops those whose deadline has passed.
-- Deadlines are by this Redis's clock, so that the clocks of nodes need not agree.
--
-- KEYS[1]  hash: session id → record
-- KEYS[2]  sorted set: session id → deadline, in milliseconds since 1970
-- ARGV[1]  how long the sessions live without being written again, in milliseconds
-- ARGV[2…] session id, record, session id, record, …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lifetime = tonumber(ARGV[1])

-- A thousand at a time: unpack has a limit, and the next write comes soon.
local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
if #late > 0 then
  redis.call('HDEL', KEYS[1], unpack(late))
  redis.call('ZREM', KEYS[2], unpack(late))
end

for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], now + lifetime, ARGV[i])
end

for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < lifetime then
    redis.call('PEXPIRE', key, lifetime)
  end
end
return 1
