/**
 * The statuses of a task and their only edges.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> SCHEDULED
 *   [*] --> QUEUED
 *   SCHEDULED --> QUEUED: due
 *   QUEUED --> STARTED
 *   STARTED --> FINISHED
 *   STARTED --> RETRYING: error, attempts left
 *   STARTED --> SCHEDULED: snoozed
 *   STARTED --> QUEUED: handed over
 *   STARTED --> FAILED
 *   STARTED --> CANCELLED
 *   RETRYING --> QUEUED: due
 *   SCHEDULED --> CANCELLED
 *   QUEUED --> CANCELLED
 *   RETRYING --> CANCELLED
 * ```
 *
 * "Due" writes nothing: a SCHEDULED or RETRYING row whose time has come reads as QUEUED.
 */
export type WaitingStatus = 'SCHEDULED' | 'QUEUED' | 'RETRYING';
export type FinalStatus = 'FINISHED' | 'FAILED' | 'CANCELLED';
export type TaskStatus = WaitingStatus | 'STARTED' | FinalStatus;

export const FINAL_STATUSES: readonly FinalStatus[] = ['FINISHED', 'FAILED', 'CANCELLED'];
export const TASK_STATUSES: readonly TaskStatus[] = [
  'SCHEDULED',
  'QUEUED',
  'STARTED',
  'RETRYING',
  ...FINAL_STATUSES,
];

/** From each status, where a task may go. Final statuses lead nowhere. */
export const EDGES: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  SCHEDULED: ['QUEUED', 'STARTED', 'CANCELLED'],
  QUEUED: ['STARTED', 'CANCELLED'],
  RETRYING: ['QUEUED', 'STARTED', 'CANCELLED'],
  STARTED: ['FINISHED', 'RETRYING', 'SCHEDULED', 'QUEUED', 'FAILED', 'CANCELLED'],
  FINISHED: [],
  FAILED: [],
  CANCELLED: [],
};

export function isFinal(status: TaskStatus): status is FinalStatus {
  return EDGES[status].length === 0;
}

export function isTaskStatus(text: string): text is TaskStatus {
  return (TASK_STATUSES as readonly string[]).includes(text);
}
