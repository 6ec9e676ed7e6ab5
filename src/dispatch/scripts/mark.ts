import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/**
 * Sets the marker after a refill, unless the queue was wiped once more meanwhile: then the note that was made in `meta` before the
 * first page has gone with the rest. ARGV: the note. Answers 1 if the marker stands.
 */
export const MARK = new Script<0 | 1>(`${PRELUDE}
if call('HGET', base .. 'meta', 'shiftwork-refill') ~= ARGV[1] then return call('HEXISTS', base .. 'meta', 'shiftwork') end
call('HDEL', base .. 'meta', 'shiftwork-refill')
call('HSET', base .. 'meta', 'shiftwork', '1')
wake()
return 1
`);
