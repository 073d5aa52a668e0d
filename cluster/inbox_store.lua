-- Adds a whisper to its target's inbox as the newest one, and drops those that are too old or too many. Returns 1, or 0 when it
-- waits there already.
--
-- KEYS[1]  stream of whispers; an entry's ID begins with the millisecond of storing, its fields are id and whisper
-- KEYS[2]  hash: whisper id → entry ID
-- ARGV[1]  whisper id
-- ARGV[2]  whisper, in JSON
-- ARGV[3]  now, in milliseconds since 1970 by the clock of the node
-- ARGV[4]  how long a whisper waits, in milliseconds
-- ARGV[5]  how many may wait
local id, whisper = ARGV[1], ARGV[2]
local now, age, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function drop(entries)
  for _, entry in ipairs(entries) do
    redis.call('XDEL', KEYS[1], entry[1])
    redis.call('HDEL', KEYS[2], entry[2][2])
  end
end

drop(redis.call('XRANGE', KEYS[1], '-', string.format('%d', now - age)))
if redis.call('HEXISTS', KEYS[2], id) == 1 then
  return 0
end
local over = redis.call('XLEN', KEYS[1]) - most + 1
if over > 0 then
  drop(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', over))
end

-- IDs only grow, while another node's clock may be ahead of this one's, and several whispers come in one millisecond. XINFO
-- tells the last one, where '<ms>-*' would need Redis 7.
local entry = string.format('%d-0', now)
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, sequence = string.match(info[i + 1], '^(%d+)-(%d+)$')
      if tonumber(ms) >= now then
        entry = string.format('%s-%d', ms, tonumber(sequence) + 1)
      end
    end
  end
end
redis.call('XADD', KEYS[1], entry, 'id', id, 'whisper', whisper)
redis.call('HSET', KEYS[2], id, entry)
redis.call('PEXPIRE', KEYS[1], age)
redis.call('PEXPIRE', KEYS[2], age)
return 1
