-- Adds a call that rings. Returns 'created', or why it is refused: 'busy' or 'full', 'in call', 'there' or 'many'.
--
-- All calls are in one slot of a Redis Cluster, because what may be done with one depends on those of two users. They are few: a
-- call is written a few times in its life, and while it lasts every few seconds.
--
-- KEYS[1]  hash: call id → its state, a line feed, and the call in JSON
-- KEYS[2]  sorted set: call id → when it is forgotten, in milliseconds since 1970
-- KEYS[3]  set: ids of the caller's calls
-- KEYS[4]  set: ids of the callee's calls
-- ARGV[1]  call id
-- ARGV[2]  call, in JSON
-- ARGV[3]  now, in milliseconds since 1970; 0 for this Redis's clock
-- ARGV[4]  how long the call is kept, in milliseconds
-- ARGV[5]  how many calls that are known still a user may have begun
-- ARGV[6]  how many calls may ring for a user
-- ARGV[7]  how many calls there may be
-- ARGV[8]  how long the keys are kept at least, in milliseconds
local now = tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
if #late > 0 then
  redis.call('HDEL', KEYS[1], unpack(late))
  redis.call('ZREM', KEYS[2], unpack(late))
end

-- Calls a function with the state and the call of each that a user has.
local function each(key, visit)
  for _, id in ipairs(redis.call('SMEMBERS', key)) do
    local deadline = redis.call('ZSCORE', KEYS[2], id)
    if deadline and tonumber(deadline) > now then
      local state, call = string.match(redis.call('HGET', KEYS[1], id), '^(%l+)\n(.*)$')
      visit(state, cjson.decode(call))
    else
      redis.call('SREM', key, id)
    end
  end
end

local new = cjson.decode(ARGV[2])
local busy, engaged, there, begun, waiting = false, false, false, 0, 0
each(KEYS[4], function(state, call)
  busy = busy or state == 'accepted'
  if state == 'ringing' and call.to == new.to then
    waiting = waiting + 1
  end
end)
each(KEYS[3], function(state, call)
  if state == 'accepted' then
    engaged = true
  elseif state == 'ringing' and (call.from == new.to or call.to == new.to) then
    there = true
  elseif call.from == new.from then
    begun = begun + 1
  end
end)
if busy then
  return 'busy'
elseif engaged then
  return 'in call'
elseif there then
  return 'there'
elseif begun >= tonumber(ARGV[5]) then
  return 'many'
elseif waiting >= tonumber(ARGV[6]) then
  return 'busy'
elseif redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7]) then
  return 'full'
end

redis.call('HSET', KEYS[1], ARGV[1], 'ringing\n' .. ARGV[2])
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('SADD', KEYS[4], ARGV[1])
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[8])
end
return 'created'
