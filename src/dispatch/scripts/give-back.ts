import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/** Where an entry goes that its worker does not keep. */
export type Whereto =
  /** Handed over: before everything that waits. */
  | 'head'
  /** Fetched, never started: to its old place. */
  | 'back'
  /** Waits for a moment; due now or past: to the tail. */
  | 'later'
  /** It may not start yet: as `later`, but not before a moment has passed by Redis' own clock, whatever the others say. */
  | 'again'
  /** Out of Redis: the ledger keeps it (due too far away, or parked). */
  | 'out'
  /** Another execution owns it: only our lock goes. */
  | 'drop';

/** Handed-over entries are left to the heir for so long: it is idle, or has a free slot, and needs no more than a wake-up. */
const HEIR_MS = 500;

/** Where Redis' clock is ahead of the ledger's, an entry is due here and refused there: tried this often, not at full speed. */
export const AGAIN_MS = 250;

/** So many entries that step aside are pushed back at a time. */
const BITE = 1_000;

/**
 * Returns entries that a worker holds, given in the order in which they were to run. Compares the lock with the claim; without
 * any lock (it ran out) an entry that is still in `active` is returned too.
 *
 * ARGV: the process that should take what goes to the head ('' for anybody), then four per entry: id, claim, whereto, due ms
 * or 0. Answers the ids whose entry is no longer in Redis (it was wiped): the
 * caller may put them again.
 */
export const GIVE_BACK = new Script<string[]>(`${PRELUDE}
local list, paused = waitingList()
local missing, told, back, woken = {}, {}, {}, false
local now = nowMs()
local heads = tonumber(call('HGET', base .. 'meta', 'shiftwork-heads') or '0')
local headsBefore = heads

-- Backwards: of two entries that go to the right end the later one is pushed first.
for i = #ARGV - 3, 2, -4 do
  local id, claim, whereto, dueMs = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local key = base .. id
  if whereto == 'again' then whereto, dueMs = 'later', math.max(dueMs, now + ${String(AGAIN_MS)}) end
  local holder = call('GET', key .. ':lock')
  local ours = holder == claim or not holder
  if not ours then
    -- taken over by somebody else: theirs
  elseif whereto == 'drop' then
    call('DEL', key .. ':lock')
  elseif call('EXISTS', key) == 0 then
    call('LREM', base .. 'active', -1, id)
    missing[#missing + 1] = id
  elseif call('LREM', base .. 'active', -1, id) > 0 then
    call('DEL', key .. ':lock')
    local priority = tonumber(call('HGET', key, 'priority') or '0')
    if whereto == 'out' then
      call('DEL', key)
    elseif whereto == 'later' and dueMs > now then
      call('HSET', key, 'delay', dueMs - now)
      if comesFirst(dueMs) then woken = true end -- whoever is going sets no timer of its own
      delay(id, dueMs, i)
    elseif whereto == 'head' then
      call('RPUSH', list, id)
      heads = heads + 1
      told[#told + 1] = id
    elseif priority > 0 then
      addByPriority(id, priority, whereto == 'back' and 0 or nextTurn())
      told[#told + 1] = id
    elseif whereto == 'back' then
      back[#back + 1] = id
    else
      call('LPUSH', list, id)
      told[#told + 1] = id
    end
  end
end

if #back > 0 then
  -- Behind those that were handed over: these step aside for a moment.
  local before = heads > 0 and call('LRANGE', list, -heads, -1) or {}
  if #before > 0 then call('LTRIM', list, 0, -(#before + 1)) end
  call('RPUSH', list, unpack(back))
  -- In bites: Lua unpacks 8,000 at most, and what was written before an error stays written.
  for i = 1, #before, ${String(BITE)} do call('RPUSH', list, unpack(before, i, math.min(i + ${String(BITE - 1)}, #before))) end
  for i = 1, #back do told[#told + 1] = back[i] end
end
if heads ~= headsBefore then
  call('HSET', base .. 'meta', 'shiftwork-heads', heads)
  if ARGV[1] ~= '' then
    call('HSET', base .. 'meta', 'shiftwork-heir', string.format('%s %.0f 0', ARGV[1], now + ${String(HEIR_MS)}))
  end
end
if (woken or #told > 0) and not paused then wake() end
tellBull('waiting', told)
return missing
`);
