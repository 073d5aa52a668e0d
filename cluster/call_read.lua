-- Returns the state and the rest of one call, or of all that a user has.
--
-- KEYS[1]  hash: call id → its state, a line feed, and the call in JSON
-- KEYS[2]  sorted set: call id → when it is forgotten, in milliseconds since 1970
-- KEYS[3]  set: ids of the user's calls; not given when ARGV[2] is
-- ARGV[1]  now, in milliseconds since 1970; 0 for this Redis's clock
-- ARGV[2]  call id
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local ids = {ARGV[2]}
if KEYS[3] then
  ids = redis.call('SMEMBERS', KEYS[3])
end
local records = {}
for _, id in ipairs(ids) do
  local deadline = redis.call('ZSCORE', KEYS[2], id)
  if deadline and tonumber(deadline) > now then
    records[#records + 1] = redis.call('HGET', KEYS[1], id)
  end
end
return records
