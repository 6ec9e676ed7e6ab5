import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Makes a delayed entry wait now. ARGV: id. Answers 1 if it waits or runs afterwards, 0 if Redis does not hold it (due beyond
 * the window, or lost): then the caller puts it.
 */
export const PROMOTE = new Script<0 | 1>(`${PRELUDE}
local id = ARGV[1]
local key = base .. id
if call('EXISTS', key) == 0 then return 0 end
if call('ZREM', base .. 'delayed', id) == 0 then return 1 end
local list, paused = waitingList()
local priority = tonumber(call('HGET', key, 'priority') or '0')
call('HSET', key, 'delay', '0')
if priority > 0 then addByPriority(id, priority, nextTurn()) else call('LPUSH', list, id) end
if not paused then wake() end
tellBull('waiting', { id })
return 1
`);
