/**
 * The scripts of the drain channel. All instants are Redis TIME in ms, so that nobody's own clock matters.
 * KEYS[1] is always the hash of wishes: id → JSON.
 */
const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function decoded(text)
  local ok, wish = pcall(cjson.decode, text)
  if ok and type(wish) == 'table' and type(wish.expiresAt) == 'number' then return wish end
end
`;

/**
 * Writes the whole wish, so that a renewal survives a wipe. ARGV: id, JSON without its last brace, life in ms, channel,
 * kind. Whoever obeys is nudged when it is new or became a hold: what they remember must outlive a wipe as long as it does.
 * Refuses to bring back what was withdrawn, and what ran out: the fleet may have worked since.
 */
export const WRITE = `${NOW}
local old = redis.call('HGET', KEYS[1], ARGV[1])
local wish = old and decoded(old)
if wish and type(wish.withdrawnAt) == 'number' then return {'withdrawn', 0} end
if wish and wish.expiresAt <= now then return {'lapsed', 0} end
local expiresAt = now + ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ',"expiresAt":' .. string.format('%.0f', expiresAt) .. '}')
if not wish or wish.kind ~= ARGV[5] then redis.call('PUBLISH', ARGV[4], ARGV[1]) end
return {'written', expiresAt}
`;

/** Takes a wish back; what remains tells those who remember it. ARGV: id, the wish's JSON as the caller knows it, channel. */
export const WITHDRAW = `${NOW}
local old = redis.call('HGET', KEYS[1], ARGV[1])
local wish = (old and decoded(old)) or cjson.decode(ARGV[2])
local was = old and type(wish.withdrawnAt) ~= 'number' and wish.expiresAt > now
wish.withdrawnAt = now
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(wish))
redis.call('PUBLISH', ARGV[3], ARGV[1])
return was and 1 or 0
`;

/** All wishes and the time. Drops what ended long ago. ARGV: how long a wish that ended is kept, ms. */
export const READ = `${NOW}
local all = redis.call('HGETALL', KEYS[1])
local texts = {}
for i = 1, #all, 2 do
  local wish = decoded(all[i + 1])
  if wish and wish.expiresAt + ARGV[1] > now then texts[#texts + 1] = all[i + 1] else redis.call('HDEL', KEYS[1], all[i]) end
end
return {now, texts}
`;

/** Answers 1 to exactly one of those who saw the wish run out. ARGV: id. */
export const CLAIM_LAPSE = `${NOW}
local old = redis.call('HGET', KEYS[1], ARGV[1])
local wish = old and decoded(old)
if not wish or type(wish.withdrawnAt) == 'number' or wish.expiresAt > now then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`;
