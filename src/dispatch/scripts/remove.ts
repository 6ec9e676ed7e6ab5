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
for i = 2, #ARGV do
  local id = ARGV[i]
  local key = base .. id
  if call('EXISTS', key .. ':lock') == 0 and call('EXISTS', key) == 1 then
    if call('ZREM', base .. 'delayed', id) + call('ZREM', base .. 'shiftwork-priority', id) == 0 and searches then
      call('LREM', list, 1, id)
    end
    call('DEL', key)
    removed = removed + 1
  end
end
return removed
`);
