-- Returns whispers of a user in the order of storing: JSON, and 1 if it was settled, else 0, in turns.
--
-- KEYS[1]  stream of whispers, see inbox_store.lua
-- KEYS[2]  sorted set: entry ID → millisecond of settling
-- ARGV[1]  the millisecond of storing from which on whispers are young enough
-- ARGV[2]  the millisecond of settling from which on whispers that are settled are wanted
local settled = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
local settling = {}
for i = 1, #settled, 2 do
  settling[settled[i]] = tonumber(settled[i + 1])
end

local whispers = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+')) do
  local at = settling[entry[1]]
  if not at or at >= tonumber(ARGV[2]) then
    whispers[#whispers + 1] = entry[2][4]
    whispers[#whispers + 1] = at and 1 or 0
  end
end
return whispers
