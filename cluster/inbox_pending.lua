-- Returns the whispers that wait for a user, in JSON, in the order of storing.
--
-- KEYS[1]  stream of whispers, see inbox_store.lua
-- ARGV[1]  the millisecond of storing from which on whispers are young enough
-- ARGV[2]  how many at most
local whispers = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
  whispers[i] = entry[2][4]
end
return whispers
