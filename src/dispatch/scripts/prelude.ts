/**
 * What all our scripts share. Bull's layout below the prefix (`wait`, `paused`, `active`: lists, taken from the right;
 * `delayed`: sorted by ms * 4096; `meta-paused`; a hash per entry; `<id>:lock`), and beside it four things of ours:
 * - `meta`, field `shiftwork`: the marker; while it is missing the queue has been wiped and nothing is taken from it.
 *   Field `shiftwork-heads`: how many entries at the right end were handed over and go before all others.
 *   Field `shiftwork-heir`, `<process> <until ms> <passes>`: for a moment they are left to this worker, which is not about to go.
 *   Field `shiftwork-refill`: who is filling the queue again, before the marker stands.
 *   Field `shiftwork-turn`: counts entries with a priority, so that one priority is served first in, first out.
 * - `shiftwork-priority`: waiting entries that have a priority, sorted by priority * 2^42 + turn. (Bull scans its list for
 *   the place of each: 19 ms at a million waiting.) They stay here while the queue is paused.
 * - `shiftwork-batches`: a field `<process>:<first claim>` for each batch that was handed out without locks, the ids in the order
 *   of their claims, until the ledger knows who started them.
 * - `shiftwork-wake`: at most one token, for which idle workers wait. Whoever takes it looks into the queue or passes it on.
 */
export const PRELUDE = `
local base = KEYS[1]
local call = redis.call

local function nowMs()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Bull keeps what waits in 'paused' while the queue is paused. (An empty list does not exist: hence the key of its own.)
local function waitingList()
  if call('EXISTS', base .. 'meta-paused') == 1 then return base .. 'paused', true end
  return base .. 'wait', false
end

local function wake()
  if call('EXISTS', base .. 'shiftwork-wake') == 0 then call('LPUSH', base .. 'shiftwork-wake', '1') end
end

-- Turn 0 is before all others of its priority.
local function addByPriority(id, priority, turn)
  call('ZADD', base .. 'shiftwork-priority', priority * 4398046511104 + turn, id)
end

local function nextTurn()
  return call('HINCRBY', base .. 'meta', 'shiftwork-turn', 1)
end

-- Bull's score: the low 12 bits keep the order of entries that are due in the same millisecond.
local function delay(id, dueMs, order)
  call('ZADD', base .. 'delayed', dueMs * 4096 + order % 4096, id)
end

local function firstDueMs()
  local first = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
  return first and math.floor(first / 4096)
end

-- Whether it is due before all others that are delayed: then somebody must set a timer. Asked once for each, before it is.
local firstDue = nil
local function comesFirst(dueMs)
  firstDue = firstDue or firstDueMs() or math.huge
  if dueMs >= firstDue then return false end
  firstDue = dueMs
  return true
end

-- Bull's global listeners subscribe by pattern; without one (the common case) the messages are not even made.
local function tellBull(event, ids)
  if #ids == 0 or call('PUBSUB', 'NUMPAT') == 0 then return end
  for i = 1, #ids do call('PUBLISH', base .. event .. '@shiftwork', ids[i]) end
end
`;
