import { event } from '../event.js';

/** Events of the room `control`. */
export const CONTROL_EVENTS = {
  'drain.obeyed': event<{ wishes: readonly string[]; roles: readonly string[]; why: string }>(
    'info',
    'Rooms of this process went quiet for a drain',
  ),
  'drain.ended': event<{ why: string }>(
    'info',
    'No drain asks this process for quiet any more; it works again',
  ),
  'drain.lapsed': event<{ wish: string; kind: 'lease' | 'hold'; by: string; release: string }>(
    'warn',
    'A drain ran out without a deploy and without a resume: its caller died, or the push never came. The fleet works again',
  ),
} as const;
