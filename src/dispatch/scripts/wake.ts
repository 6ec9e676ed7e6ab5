import { PRELUDE } from './prelude.js';
import { Script } from './script.js';

/** Passes the wake token on: some idle worker looks into the queue. */
export const WAKE = new Script<number>(`${PRELUDE}
wake()
return 1
`);
