import { FailedTask, TaskNow } from '../ledger/index.js';

/** The entity classes of the ledger. */
export const ENTITY_CLASSES: readonly (new () => object)[] = [FailedTask, TaskNow];
