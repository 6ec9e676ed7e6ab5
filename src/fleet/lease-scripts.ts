/** Takes or renews a lease. KEYS: lease, term. ARGV: token, TTL ms. → {1 when it is ours, its term} */
export const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {1, redis.call('GET', KEYS[2]) or '0'}
end
if holder then return {0, '0'} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, tostring(redis.call('INCR', KEYS[2]))}
`;

/** Gives a lease back and wakes the next contender. KEYS: lease. ARGV: token, channel. */
export const GIVE_BACK = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'free')
return 1
`;
