/** Events of the room `tasks`: none; what happens to tasks is told by `worker`, `dispatch` and `fleet`. */
export const TASKS_EVENTS = {} as const;
