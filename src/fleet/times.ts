/** A process beats this often, ms. */
export const BEAT_EVERY_MS = 1_500;
/** D: a process that was silent for longer is dead, ms. With the beat and the rescue this keeps "under 10 s from KILL". */
export const DEAD_AFTER_MS = 6_000;
/** Nobody at all was heard for longer than two beats: Redis stalled or is new, and silence proves nothing, ms. */
export const BLACKOUT_AFTER_MS = 3_000;
/** A process that could prove its life nowhere for this long must assume that others will presume it dead, ms. */
export const CUT_OFF_AFTER_MS = 4_000;
/** No single attempt to beat may eat the time of the next one, ms. */
export const ATTEMPT_MS = 1_400;
/**
 * An attempt in Redis, ms. Shorter: when it fails, a new connection to PostgreSQL has to be made and answered before
 * CUT_OFF_AFTER_MS is over, also on a busy machine.
 */
export const REDIS_ATTEMPT_MS = 900;
/** The record outlives a few missed beats, so that the roll can still say who is silent, ms. */
export const RECORD_TTL_MS = 60_000;
/** Locks of our entries are renewed this often, and last this long, ms. */
export const LOCKS_EVERY_MS = 10_000;
export const LOCK_MS = 30_000;
/** A main loop blocked for this long is named in the log, ms. */
export const BLOCKED_NOTICE_MS = 5_000;
/** Clocks that differ by more than this are warned of, ms. */
export const SKEW_LIMIT_MS = 2_000;
