import { event } from '../event.js';

/** Events of the room `http`. */
export const HTTP_EVENTS = {
  'http.failed': event<{ method: string; path: string; error: string; stack: string }>(
    'error',
    'A request failed for a reason that is ours',
  ),
} as const;
