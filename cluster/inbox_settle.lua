-- Settles a whisper of its target's inbox. Returns 1 when it waited there and had not become too old, else 0.
--
-- KEYS[1…3] see inbox_store.lua
-- KEYS[4]  is made to remember the whisper's time, as JSON has it
-- ARGV[1]  whisper id
-- ARGV[2]  the millisecond of storing from which on whispers are young enough
-- ARGV[3]  how long KEYS[4] is kept, in milliseconds
-- ARGV[4]  now, in milliseconds since 1970 by the clock of the node
-- ARGV[5]  how long a whisper waits, in milliseconds
-- ARGV[6]  how many that are settled may stay
-- ARGV[7]  how long one stays that is settled, in milliseconds
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if not entry then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])

local function forget(entries)
  for _, settled in ipairs(entries) do
    redis.call('XDEL', KEYS[1], settled)
    redis.call('ZREM', KEYS[3], settled)
  end
end

forget(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%d', tonumber(ARGV[4]) - tonumber(ARGV[7]))))
local surplus = redis.call('ZCARD', KEYS[3]) + 1 - tonumber(ARGV[6])
if surplus > 0 then
  forget(redis.call('ZRANGE', KEYS[3], 0, surplus - 1))
end

local found = redis.call('XRANGE', KEYS[1], entry, entry)[1]
local young = found and tonumber(string.match(entry, '^%d+')) >= tonumber(ARGV[2])
if young then
  -- A Redis that is full refuses these. Then devices that were slower miss the whisper, and a repetition is stored again, and shown
  -- by clients that have forgotten it.
  redis.pcall('SET', KEYS[4], cjson.decode(found[2][4]).time, 'PX', ARGV[3])
  local stays = redis.pcall('ZADD', KEYS[3], ARGV[4], entry)
  if type(stays) == 'table' then
    redis.call('XDEL', KEYS[1], entry)
  end
else
  redis.call('XDEL', KEYS[1], entry)
end

if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1]) -- a stream stays when it is empty, hashes and sorted sets do not
end
local life = ARGV[5]
if redis.call('EXISTS', KEYS[2]) == 0 then
  life = ARGV[7] -- nothing waits any more
  redis.call('PEXPIRE', KEYS[1], life)
end
redis.call('PEXPIRE', KEYS[3], life)
return young and 1 or 0
