-- Returns the records of the sessions of one group whose deadline has not passed.
--
-- KEYS[1]  hash: session id → record
-- KEYS[2]  sorted set: session id → deadline, in milliseconds since 1970 by this Redis's clock
-- ARGV[1]  how many records at most; 0 for all
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(ARGV[1])
if limit == 0 then
  limit = -1
end
local live = redis.call('ZRANGEBYSCORE', KEYS[2], string.format('(%d', now), '+inf', 'LIMIT', 0, limit)

local records = {}
for first = 1, #live, 1000 do -- unpack has a limit
  local some = redis.call('HMGET', KEYS[1], unpack(live, first, math.min(first + 999, #live)))
  for _, record in ipairs(some) do
    if record then
      records[#records + 1] = record
    end
  end
end
return records
