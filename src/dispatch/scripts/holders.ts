import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/** Who holds what: per entry in `active` its id and the claim in its lock ('' if there is none). ARGV: first, last index. */
export const HOLDERS = new Script<string[]>(`${PRELUDE}
local reply = {}
for _, id in ipairs(call('LRANGE', base .. 'active', ARGV[1], ARGV[2])) do
  reply[#reply + 1] = id
  reply[#reply + 1] = call('GET', base .. id .. ':lock') or ''
end
return reply
`);
