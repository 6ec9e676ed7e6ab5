/**
 * In a statement of its own: its commit does not wait for the disk. Everybody sees what it wrote, and `ON_DISK` must follow.
 * The log is written in order and every other commit waits for the disk: nothing that is built upon these rows outlives them.
 */
export const NOT_YET_ON_DISK = `set_config('synchronous_commit', 'off', true)`;

/** When it is committed, everything that was committed before is on the disk. */
export const REACHES_DISK = `pg_logical_emit_message(true, 'shiftwork', '')`; // so that there is something to write

/** For a statement that has nothing else to write. */
export const ON_DISK = { name: 'on-disk', text: `SELECT ${REACHES_DISK}` };
