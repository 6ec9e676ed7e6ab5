import { FailedTask } from './failed-task.entity.js';
import { TaskNow } from './task-now.entity.js';

/** The entity classes of the ledger: whoever opens the data source registers them. */
export const LEDGER_ENTITIES: readonly (new () => object)[] = [FailedTask, TaskNow];
