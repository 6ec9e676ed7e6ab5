import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/** From so many entries on, the end of `active` is read and written as a whole instead of searched for each. */
const WHOLE_FROM = 8;

/**
 * Removes ended entries from Redis: from `active`, with hash and lock. A locked one only with the lock of this claim, or with
 * none (it ran out while nobody could renew it: the row is final, so the entry may go). A lock of somebody else: left to them.
 *
 * ARGV: how many are locked, of these two each: id, claim; then the ids of those that never were. Answers how many were removed.
 */
export const ACKNOWLEDGE = new Script<number>(`${PRELUDE}
local active = base .. 'active'
local ended, gone = {}, {}

local lastLocked = 2 * ARGV[1] + 1
if lastLocked > 1 then
  local locks = {}
  for i = 2, lastLocked, 2 do locks[#locks + 1] = base .. ARGV[i] .. ':lock' end
  local holders = call('MGET', unpack(locks))
  for i = 1, #holders do
    local id = ARGV[2 * i]
    if not holders[i] or holders[i] == ARGV[2 * i + 1] then
      ended[#ended + 1] = id
      gone[#gone + 1] = base .. id
      gone[#gone + 1] = locks[i]
    end
  end
end
for i = lastLocked + 1, #ARGV do
  ended[#ended + 1] = ARGV[i]
  gone[#gone + 1] = base .. ARGV[i]
end
if #ended == 0 then return 0 end

-- At the right end are the oldest: most of what has ended is there, and what is not is searched for from there.
local function leaveActive()
  local missing = {}
  for i = 1, #ended do missing[ended[i]] = true end
  if #ended >= ${String(WHOLE_FROM)} then
    local tail = call('LRANGE', active, -2 * #ended, -1)
    local stay = {}
    for i = 1, #tail do
      if missing[tail[i]] then missing[tail[i]] = nil else stay[#stay + 1] = tail[i] end
    end
    call('LTRIM', active, 0, -#tail - 1)
    if #stay > 0 then call('RPUSH', active, unpack(stay)) end
  end
  for id in pairs(missing) do call('LREM', active, -1, id) end
end

leaveActive()
call('DEL', unpack(gone))
if call('PUBSUB', 'NUMSUB', base .. 'completed')[2] > 0 then
  for i = 1, #ended do call('PUBLISH', base .. 'completed', cjson.encode({ jobId = ended[i], val = cjson.null })) end
end
return #ended
`);
