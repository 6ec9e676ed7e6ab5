import { event } from '../event.js';

/** What happens between the ledger and Bull. */
export const DISPATCH_EVENTS = {
  'dispatch.failed': event<{ tasks: number; error: string }>(
    'warn',
    'Accepted tasks could not be handed to Redis; the relay will',
  ),
  'dispatch.relayed': event<{ tasks: number }>('info', 'The relay handed over tasks that Redis had not seen'),
  'dispatch.refilled': event<{ queue: string; tasks: number }>(
    'warn',
    'A queue of Redis was empty or had been rolled back and was filled again from the ledger',
  ),
  'dispatch.startFailed': event<{ queue: string; tasks: number; error: string }>(
    'warn',
    'A batch of deliveries could not be started in the ledger and went back to its queue',
  ),
  'dispatch.swept': event<{ queue: string; removed: number; put: number; relocked: number }>(
    'info',
    'Entries without an owner were resolved by their ledger rows',
  ),
  'queue.paused': event<{ queue: string; by: string }>('info', 'A queue was paused'),
  'queue.resumed': event<{ queue: string; by: string }>('info', 'A queue was resumed'),
  'queue.unknownJob': event<{ job: string; queue: string; known: boolean }>(
    'warn',
    'A job that this release does not know was left for a process that does',
  ),
} as const;
