-- Keeps an accepted call, and puts it back if it is not there. Returns its state and itself: it may be finished.
--
-- KEYS[1…4] as in call_create.lua
-- ARGV[1]  call id
-- ARGV[2]  call, in JSON
-- ARGV[3]  now, in milliseconds since 1970; 0 for this Redis's clock
-- ARGV[4]  how long the call is kept, in milliseconds
-- ARGV[5]  how long the keys are kept at least, in milliseconds
local now = tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then
  record = 'accepted\n' .. ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], record)
  redis.call('SADD', KEYS[3], ARGV[1])
  redis.call('SADD', KEYS[4], ARGV[1])
end
if string.match(record, '^%l+') == 'accepted' then
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[1])
  for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, ARGV[5])
  end
end
return record
