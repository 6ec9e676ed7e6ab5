/*
 * The fleet's scripts. All instants are Redis TIME in ms: nobody's own clock matters. A script is the only way to beat and to
 * look in one moment: whoever looks later may see a set in which everybody is old because Redis stood still.
 */
const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/**
 * Beats, and answers who is overdue. KEYS: beats, blackout, record. ARGV: id, record, D, blackout after, record TTL,
 * '1' when our last beat arrived here. → {1 when it counts, now, blackout until, my beat before this one or '', {id, silent ms, …}}
 * When the newest beat of anybody is old, or there is none, silence proves nothing: no death for D (PROTOCOL 17).
 * Outside of a blackout a beat that comes after D, or after somebody took us off the roll, does not count: others may have begun
 * to hand over our tasks, and must not find us alive half-way.
 */
export const BEAT = `${NOW}
local d = tonumber(ARGV[3])
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local before = redis.call('ZSCORE', KEYS[1], ARGV[1]) or ''
local blackout = tonumber(redis.call('GET', KEYS[2]) or '0')
if #newest == 0 or now - newest[2] > tonumber(ARGV[4]) then
  blackout = now + d
  redis.call('SET', KEYS[2], string.format('%.0f', blackout), 'PX', d)
end
if ARGV[6] == '1' and blackout <= now and (before == '' or now - before > d) then
  return {0, string.format('%.0f', now), string.format('%.0f', blackout), before, {}}
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[5])
local overdue = {}
if blackout <= now then
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now - d), 'WITHSCORES', 'LIMIT', 0, 50)
  for i = 1, #found, 2 do
    overdue[i] = found[i]
    overdue[i + 1] = string.format('%.0f', now - found[i + 1])
  end
end
return {1, string.format('%.0f', now), string.format('%.0f', blackout), before, overdue}
`;

/**
 * Leaves the roll. KEYS: beats, record, left. ARGV: id, '1' when something was left undone, TTL of that mark, D.
 * Left undone: stays among the beats as overdue, so that the others take its tasks at once, as interrupted.
 */
export const LEAVE = `${NOW}
redis.call('DEL', KEYS[2])
if ARGV[2] == '1' then
  redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
  redis.call('ZADD', KEYS[1], now - ARGV[4] - 1, ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
`;

/**
 * Who beat lately. KEYS: beats, blackout. ARGV: D, prefix of the record keys, blackout after. → {now, {id, beat, record or '', …},
 * 1 when absence proves death}. It does not in a blackout, nor before somebody has begun one: the beats may have been wiped a
 * moment ago, and nobody has beaten again.
 */
export const ROLL = `${NOW}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now - ARGV[1]), '+inf', 'WITHSCORES')
local roll = {}
local newest = 0
for i = 1, #found, 2 do
  roll[#roll + 1] = found[i]
  roll[#roll + 1] = found[i + 1]
  roll[#roll + 1] = redis.call('GET', ARGV[2] .. found[i]) or ''
  newest = tonumber(found[i + 1])
end
local blackout = tonumber(redis.call('GET', KEYS[2]) or '0')
local proves = blackout <= now and now - newest <= tonumber(ARGV[3])
return {string.format('%.0f', now), roll, proves and 1 or 0}
`;

/**
 * Renews the locks that we hold on a queue's active entries. KEYS: active. ARGV: prefix of the entries' keys, our id and a
 * colon, lock ms. → how many. It reads the list itself, so the main thread need not say which entries are ours, and a main
 * thread that is blocked keeps its locks.
 */
export const RENEW_LOCKS = `
local renewed = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local lock = ARGV[1] .. id .. ':lock'
  local claim = redis.call('GET', lock)
  if claim and string.sub(claim, 1, #ARGV[2]) == ARGV[2] then
    redis.call('PEXPIRE', lock, ARGV[3])
    renewed = renewed + 1
  end
end
return renewed
`;

/** Puts a queue's wake token back, if there is none: some idle worker looks into it. KEYS: token. */
export const WAKE = `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('LPUSH', KEYS[1], '1') end
return 1
`;
