-- Adds a whisper to its target's inbox as the newest one, and drops those that are too old or too many. Returns {'stored'}, or
-- {'waiting', time} or {'settled', time} when it was stored before, with the time of the whisper then, as JSON has it.
--
-- KEYS[1]  stream of whispers, those that wait and those that were settled just now; an entry's ID begins with the millisecond of
--          storing, its fields are id and whisper
-- KEYS[2]  hash: whisper id → entry ID, of those that wait
-- KEYS[3]  sorted set: entry ID → millisecond of settling, of the others
-- KEYS[4]  time of the whisper with this id, if it was settled not long ago
-- ARGV[1]  whisper id
-- ARGV[2]  whisper, in JSON
-- ARGV[3]  now, in milliseconds since 1970 by the clock of the node
-- ARGV[4]  how long a whisper waits, in milliseconds
-- ARGV[5]  how many may wait
-- ARGV[6]  how long one stays that is settled, in milliseconds
local id, whisper = ARGV[1], ARGV[2]
local now, age, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])


local settled = redis.call('GET', KEYS[4])
if settled then
  return {'settled', settled}
end
local waiting = redis.call('HGET', KEYS[2], id)
if waiting and tonumber(string.match(waiting, '^%d+')) > now - age then
  local found = redis.call('XRANGE', KEYS[1], waiting, waiting)[1]
  if found then
    return {'waiting', cjson.decode(found[2][4]).time}
  end
end

-- IDs only grow, while another node's clock may be ahead of this one's, and several whispers come in one millisecond. XINFO
-- tells the last one, where '<ms>-*' would need Redis 7.
local added = string.format('%d-0', now)
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, sequence = string.match(info[i + 1], '^(%d+)-(%d+)$')
      if tonumber(ms) >= now then
        added = string.format('%s-%d', ms, tonumber(sequence) + 1)
      end
    end
  end
end
-- The first write: a Redis that is full refuses it, but none that comes later in a script.
redis.call('XADD', KEYS[1], added, 'id', id, 'whisper', whisper)
redis.call('HSET', KEYS[2], id, added)

local function drop(entries)
  for _, entry in ipairs(entries) do
    redis.call('XDEL', KEYS[1], entry[1])
    redis.call('ZREM', KEYS[3], entry[1])
    if redis.call('HGET', KEYS[2], entry[2][2]) == entry[1] then
      redis.call('HDEL', KEYS[2], entry[2][2])
    end
  end
end

drop(redis.call('XRANGE', KEYS[1], '-', string.format('%d', now - age)))
local over = string.format('%d', now - tonumber(ARGV[6]))
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', over)) do
  redis.call('XDEL', KEYS[1], entry)
  redis.call('ZREM', KEYS[3], entry)
end
while redis.call('HLEN', KEYS[2]) > most do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
  if oldest[1][1] == added then
    redis.call('DEL', KEYS[2]) -- it was of a stream that is gone
    redis.call('HSET', KEYS[2], id, added)
  else
    drop(oldest)
  end
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], age)
end
return {'stored'}
