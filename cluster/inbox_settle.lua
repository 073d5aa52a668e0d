-- Takes a whisper out of its target's inbox. Returns 1 when it was there and had not become too old, else 0.
--
-- KEYS[1]  stream of whispers, see inbox_store.lua
-- KEYS[2]  hash: whisper id → entry ID
-- ARGV[1]  whisper id
-- ARGV[2]  the millisecond of storing from which on whispers are young enough
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if not entry then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local settled = redis.call('XDEL', KEYS[1], entry)
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1]) -- a stream stays when it is empty, a hash does not
end
if tonumber(string.match(entry, '^%d+')) < tonumber(ARGV[2]) then
  return 0
end
return settled
