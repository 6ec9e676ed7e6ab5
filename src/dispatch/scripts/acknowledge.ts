import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Removes ended entries from Redis: from `active`, with hash and lock. Only with the lock of this claim, or with none (it ran
 * out while nobody could renew it: the row is final, so the entry may go). A lock of somebody else: left to them.
 *
 * ARGV, two per entry: id, claim. Answers how many were removed.
 */
export const ACKNOWLEDGE = new Script<number>(`${PRELUDE}
local locks = {}
for i = 1, #ARGV, 2 do locks[#locks + 1] = base .. ARGV[i] .. ':lock' end
local holders = call('MGET', unpack(locks))
local gone, ended = {}, {}
for i = 1, #holders do
  local id = ARGV[2 * i - 1]
  if not holders[i] or holders[i] == ARGV[2 * i] then
    call('LREM', base .. 'active', -1, id) -- from the right: there are the oldest
    gone[#gone + 1] = base .. id
    gone[#gone + 1] = locks[i]
    ended[#ended + 1] = id
  end
end
if #gone > 0 then call('DEL', unpack(gone)) end
if #ended > 0 and call('PUBSUB', 'NUMSUB', base .. 'completed')[2] > 0 then
  for i = 1, #ended do call('PUBLISH', base .. 'completed', cjson.encode({ jobId = ended[i], val = cjson.null })) end
end
return #ended
`);
