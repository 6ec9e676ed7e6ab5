/**
 * The order in which the rooms go quiet and flush. Ways in first, so that nothing new arrives; then what makes work out of
 * the clock and of the ledger; then what runs; then what writes down; and last of all the roll of the living, because a
 * process that has left the roll is a process whose tasks others may take.
 */
export const DRAIN_ORDER = {
  http: 10,
  clock: 20,
  relay: 30,
  worker: 40,
  failures: 60,
  ledger: 90,
  fleet: 99,
} as const;
