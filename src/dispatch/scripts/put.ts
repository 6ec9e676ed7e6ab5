import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Upserts entries, first served first. Missing (or left behind as finished by a foreign worker): created. Active: left, or
 * moved if the entry says so (flag `m`). Waiting: left. Delayed, but due now by what is put (it was promoted): made to wait.
 * So it may be repeated, late, and raced by anybody.
 *
 * ARGV, in groups of entries that share all but id and data: job, timestamp, priority or 0, due ms or 0, flags (`h` head,
 * `m` move, `s` suspect), number of entries, then two per entry: id, data. Answers [marker present, entries created].
 * The hash of an entry that waits for nothing has only what differs from Bull's defaults: a field costs Redis more than all else here.
 */
export const PUT = new Script<[marked: number, created: number]>(`${PRELUDE}
local list, paused = waitingList()
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

local function isPromoted(id, key, later)
  if later or call('ZREM', base .. 'delayed', id) == 0 then return false end
  call('HSET', key, 'delay', '0')
  return true
end

local function create(key, data, job, at, later, dueMs, priority, isSuspect)
  local wait = later and math.max(0, dueMs - tonumber(at)) or 0
  if wait == 0 and priority == 0 then
    call('HSET', key, 'name', job, 'data', data, 'timestamp', at, 'delay', '0')
  else
    local opts = string.format('{"delay":%d,"priority":%d}', wait, priority)
    call('HSET', key, 'name', job, 'data', data, 'opts', opts, 'timestamp', at, 'delay', wait, 'priority', priority)
  end
  if isSuspect then call('HSET', key, 'suspect', '1') end
end

local i = 1
while i <= #ARGV do
  local job, at, priority, dueMs, flags = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), ARGV[i + 4]
  local last = i + 4 + 2 * ARGV[i + 5]
  local goesFirst, moves, isSuspect = string.find(flags, 'h'), string.find(flags, 'm'), string.find(flags, 's')
  local later = isLater(dueMs)
  for j = i + 6, last, 2 do
    local id = ARGV[j]
    local key = base .. id
    local isNew = isAbsent(id, key, moves)
    if isNew then
      created = created + 1
      create(key, ARGV[j + 1], job, at, later, dueMs, priority, isSuspect)
    end
    if isNew or isPromoted(id, key, later) then
      if later then
        if comesFirst(dueMs) then woken = true end
        delay(id, dueMs, j)
      elseif goesFirst then
        head[#head + 1] = id
      elseif priority > 0 then
        addByPriority(id, priority, nextTurn())
        woken = true
      else
        tail[#tail + 1] = id
      end
    end
  end
  i = last + 2
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
