import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Upserts entries, first served first. Missing (or left behind as finished by a foreign worker): created. Active: left, or
 * moved if the entry says so (flag `m`). Waiting: left. So it may be repeated, late, and raced by anybody.
 *
 * ARGV, seven per entry: id, job, data, timestamp, priority or 0, due ms or 0, flags (`h` head, `m` move, `s` suspect).
 * Answers [marker present, entries created].
 */
export const PUT = new Script<[marked: number, created: number]>(`${PRELUDE}
local list, paused = waitingList()
local firstDue = nil
local now = nil
local tail, head, woken = {}, {}, false
local created = 0

local function isAbsent(id, key, moves)
  if call('EXISTS', key) == 0 then return true end
  if call('HEXISTS', key, 'finishedOn') == 1 then
    call('ZREM', base .. 'failed', id)
    call('ZREM', base .. 'completed', id)
    call('DEL', key, key .. ':lock')
    return true
  end
  if moves and call('LREM', base .. 'active', -1, id) > 0 then
    call('DEL', key, key .. ':lock')
    return true
  end
  return false
end

local function isLater(dueMs)
  if dueMs == 0 then return false end
  now = now or nowMs()
  return dueMs > now
end

for i = 1, #ARGV, 7 do
  local id, at, priority, dueMs, flags = ARGV[i], ARGV[i + 3], tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]), ARGV[i + 6]
  local key = base .. id
  if isAbsent(id, key, string.find(flags, 'm', 1, true)) then
    created = created + 1
    local later = isLater(dueMs)
    local wait = later and math.max(0, dueMs - tonumber(at)) or 0
    local opts = '{}'
    if wait > 0 or priority > 0 then opts = string.format('{"delay":%d,"priority":%d}', wait, priority) end
    call('HSET', key, 'name', ARGV[i + 1], 'data', ARGV[i + 2], 'opts', opts, 'timestamp', at, 'delay', wait, 'priority', priority)
    if string.find(flags, 's', 1, true) then call('HSET', key, 'suspect', '1') end
    if later then
      firstDue = firstDue or firstDueMs() or math.huge
      if dueMs < firstDue then firstDue = dueMs; woken = true end -- somebody must set a timer
      delay(id, dueMs, i)
    elseif string.find(flags, 'h', 1, true) then
      head[#head + 1] = id
    elseif priority > 0 then
      addByPriority(id, priority, nextTurn())
      woken = true
    else
      tail[#tail + 1] = id
    end
  end
end

if #tail > 0 then call('LPUSH', list, unpack(tail)) end
if #head > 0 then
  for i = #head, 1, -1 do call('RPUSH', list, head[i]) end
  call('HINCRBY', base .. 'meta', 'shiftwork-heads', #head)
end
if (woken or #tail > 0 or #head > 0) and not paused then wake() end
tellBull('waiting', tail)
tellBull('waiting', head)
return { call('HEXISTS', base .. 'meta', 'shiftwork'), created }
`);
