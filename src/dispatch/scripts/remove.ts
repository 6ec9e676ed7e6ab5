import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Removes entries that wait; an active one is left to its worker. In a list longer than ARGV[1] the place is not searched
 * for: the entry's hash goes, and whoever fetches the ghost skips it.
 *
 * ARGV: longest list to search, then ids. Answers how many were removed.
 */
export const REMOVE = new Script<number>(`${PRELUDE}
local list = waitingList()
local searches = call('LLEN', list) <= tonumber(ARGV[1])
local removed = 0
local heads = tonumber(call('HGET', base .. 'meta', 'shiftwork-heads') or '0')
local isHead, goneHeads = {}, 0
if searches and heads > 0 then
  for _, id in ipairs(call('LRANGE', list, -heads, -1)) do isHead[id] = true end
end

local function leaveList(id)
  if call('LREM', list, 1, id) > 0 and isHead[id] then goneHeads = goneHeads + 1 end
end

for i = 2, #ARGV do
  local id = ARGV[i]
  local key = base .. id
  if call('EXISTS', key .. ':lock') == 0 and call('EXISTS', key) == 1 then
    if call('ZREM', base .. 'delayed', id) + call('ZREM', base .. 'shiftwork-priority', id) == 0 and searches then
      leaveList(id)
    end
    call('DEL', key)
    removed = removed + 1
  end
end
-- Still counted, they would let others go before the rest in their place.
if goneHeads > 0 then call('HSET', base .. 'meta', 'shiftwork-heads', heads - goneHeads) end
return removed
`);
