import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Renews the locks of entries that a process holds. A lock that ran out is set again while its entry is still in `active`
 * (NX: never over somebody else's); an entry that has been acknowledged meanwhile is left alone. For entries that came in a
 * batch and are still held, and for the active sweep: the everyday renewal is the heartbeat's, whose thread keeps the locks
 * of a blocked main loop too.
 *
 * ARGV: lock ms, then two per entry: id, claim. Answers how many locks stand afterwards.
 */
export const RENEW_LOCKS = new Script<number>(`${PRELUDE}
local lockMs = ARGV[1]
local standing = 0
local active = nil
for i = 2, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  local key = base .. id .. ':lock'
  local holder = call('GET', key)
  if holder == claim then
    call('PEXPIRE', key, lockMs)
    standing = standing + 1
  elseif not holder then
    if not active then
      active = {}
      for _, each in ipairs(call('LRANGE', base .. 'active', 0, -1)) do active[each] = true end
    end
    if active[id] and call('SET', key, claim, 'PX', lockMs, 'NX') then
      standing = standing + 1
      if call('EXISTS', base .. id) == 1 then call('HSETNX', base .. id, 'processedOn', nowMs()) end
    end
  end
end
return standing
`);
