-- Moves a call from one state to another if it has the first one still. Returns {'changed' or 'unchanged' or 'busy', state and call},
-- or {} when there is no such call.
--
-- KEYS[1…4] as in call_create.lua
-- ARGV[1]  call id
-- ARGV[2]  the state from which, ARGV[3] the one to which
-- ARGV[4]  now, in milliseconds since 1970; 0 for this Redis's clock
-- ARGV[5]  how long the call is kept in the new state, in milliseconds
-- ARGV[6]  how long the keys are kept at least, in milliseconds
local now = tonumber(ARGV[4])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Returns the state of a call and all that is known of it, or nil.
local function read(id)
  local deadline = redis.call('ZSCORE', KEYS[2], id)
  if not deadline or tonumber(deadline) <= now then
    return nil
  end
  local record = redis.call('HGET', KEYS[1], id)
  return string.match(record, '^%l+'), record
end

local id, from, to = ARGV[1], ARGV[2], ARGV[3]
local state, record = read(id)
if not state then
  return {}
elseif state ~= from then
  return {'unchanged', record}
end
if to == 'accepted' then
  for _, key in ipairs({KEYS[3], KEYS[4]}) do
    for _, other in ipairs(redis.call('SMEMBERS', key)) do
      if read(other) == 'accepted' then
        return {'busy', record}
      end
    end
  end
end
record = to .. string.sub(record, #state + 1)
redis.call('HSET', KEYS[1], id, record)
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[5]), id)
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[6])
end
return {'changed', record}
