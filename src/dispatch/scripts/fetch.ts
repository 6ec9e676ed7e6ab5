import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/** Workers that may find the token before the heir does; more would only go round. */
const MOST_PASSES = 16;

/** More than these nobody leaves to a single worker; they also step aside in one call, which has a limit. */
const MOST_LEFT = 1_000;

/** From so many entries on, a batch is noted as a whole instead of locking each of them. */
const BATCH_FROM = 16;

/** What follows the four numbers in a reply: so many texts per entry. */
export const FETCHED_FIELDS = 4;

/**
 * Hands entries to a worker: moves them to `active` and sets their locks to the claims `<process>:<first>`,
 * `<process>:<first+1>` … in the order of the reply. A worker whose runs are short may take them as a batch: most will have
 * ended before a lock has served any purpose, so one field of `shiftwork-batches` says who has them, until their starts are
 * in the ledger, and the worker locks what it still holds after a moment. (Locks were a third of what a task cost Redis.)
 * Handed-over entries go first, unless they are left to an heir for a moment (then the delayed time tells when that is over),
 * then those with a priority, then the rest. Before that, delayed entries that are due become waiting ones. A queue without
 * its marker, or a paused one, hands out nothing.
 * With n = 0 it only promotes, and passes the wake token on if something waits.
 *
 * ARGV: n, process id, number of the first claim, lock ms, most promotions of one call, 1 if it may be a batch, then the batches
 * (`<process>:<first>`) whose starts have been answered.
 * Answers [state, ms until the next delayed entry is due or -1, entries still waiting, 1 if it is a batch, then per entry: id,
 * job, data, suspect]. State: 1 open, 0 paused, -1 no marker.
 */
export const FETCH = new Script<
  [state: number, dueInMs: number, left: number, isBatch: number, ...entries: string[]]
>(`${PRELUDE}
local meta = call('HMGET', base .. 'meta', 'shiftwork', 'shiftwork-heads', 'shiftwork-heir')
if not meta[1] then return { -1, -1, 0, 0 } end
local n, processId, claim, lockMs, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local list, paused = waitingList()
if #ARGV > 6 then call('HDEL', base .. 'shiftwork-batches', unpack(ARGV, 7)) end

local function promote()
  local first = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
  if not first then return -1 end
  local now = nowMs()
  local dueIn = math.floor(first / 4096) - now
  if dueIn > 0 then return dueIn end
  local due = call('ZRANGEBYSCORE', base .. 'delayed', '-inf', '(' .. string.format('%.0f', (now + 1) * 4096), 'LIMIT', 0, limit)
  call('ZREM', base .. 'delayed', unpack(due))
  for i = 1, #due do
    local entry = call('HMGET', base .. due[i], 'name', 'priority')
    if entry[1] then -- else a ghost: its hash was removed
      local priority = tonumber(entry[2] or '0')
      call('HSET', base .. due[i], 'delay', '0')
      if priority > 0 then addByPriority(due[i], priority, nextTurn()) else call('LPUSH', list, due[i]) end
    end
  end
  tellBull('waiting', due)
  local nextDue = firstDueMs()
  return nextDue and math.max(0, nextDue - now) or -1
end

local dueIn = promote()
if paused then return { 0, dueIn, 0, 0 } end

local heads = tonumber(meta[2] or '0')
local skipped = 0

-- Somebody who goes left them to a worker that stays. Its token may have woken us instead: it is passed on, some times.
local function leaveToHeir()
  local heir, untilMs, passes = string.match(meta[3], '(%S+) (%d+) (%d+)')
  local leftMs = tonumber(untilMs) - nowMs()
  if heir == processId or leftMs <= 0 or heads > ${String(MOST_LEFT)} then
    call('HDEL', base .. 'meta', 'shiftwork-heir')
    return
  end
  skipped = math.min(heads, call('LLEN', list))
  if dueIn < 0 or leftMs < dueIn then dueIn = leftMs end
  if tonumber(passes) < ${String(MOST_PASSES)} then
    call('HSET', base .. 'meta', 'shiftwork-heir', heir .. ' ' .. untilMs .. ' ' .. (passes + 1))
    wake()
  end
end
if heads > 0 and meta[3] then leaveToHeir() end

local taken = {}
local function takeFromList(count)
  local ids = call('LRANGE', list, -(skipped + count), -(skipped + 1))
  if #ids == 0 then return 0 end
  local aside = skipped > 0 and call('LRANGE', list, -skipped, -1) or {}
  call('LTRIM', list, 0, -(skipped + #ids + 1))
  if #aside > 0 then call('RPUSH', list, unpack(aside)) end
  for i = #ids, 1, -1 do taken[#taken + 1] = ids[i] end
  return #ids
end

if n > 0 and heads > 0 and skipped == 0 then
  local count = math.min(n, heads)
  local got = takeFromList(count)
  -- Fewer than we counted: entries were removed from under the count, and none is left.
  call('HSET', base .. 'meta', 'shiftwork-heads', got < count and 0 or heads - got)
end
if n > #taken then
  local ids = call('ZRANGE', base .. 'shiftwork-priority', 0, n - #taken - 1)
  if #ids > 0 then
    call('ZREMRANGEBYRANK', base .. 'shiftwork-priority', 0, #ids - 1)
    for i = 1, #ids do taken[#taken + 1] = ids[i] end
  end
end
if n > #taken then takeFromList(n - #taken) end

local isBatch = ARGV[6] == '1' and #taken >= ${String(BATCH_FROM)}
local reply = { 1, dueIn, 0, isBatch and 1 or 0 }
local active = {}
local now = #taken > 0 and nowMs()
for i = 1, #taken do
  local id = taken[i]
  local key = base .. id
  local entry = call('HMGET', key, 'name', 'data', 'suspect')
  if entry[1] then -- else a ghost: its hash was removed, its place in the list was not worth the search
    if not isBatch then
      call('SET', key .. ':lock', processId .. ':' .. string.format('%d', claim + #active), 'PX', lockMs)
      call('HSET', key, 'processedOn', now)
    end
    active[#active + 1] = id
    local at = #reply
    reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4] = id, entry[1], entry[2], entry[3] or ''
  end
end
if #active > 0 then call('LPUSH', base .. 'active', unpack(active)) end
if isBatch and #active > 0 then
  call('HSET', base .. 'shiftwork-batches', processId .. ':' .. ARGV[3], table.concat(active, ' '))
end
tellBull('active', active)

reply[3] = call('LLEN', list) - skipped + call('ZCARD', base .. 'shiftwork-priority')
if reply[3] > 0 then wake() end
return reply
`);
