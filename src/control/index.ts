export * from './control.module.js';
export * from './drain-request.js';
export * from './drain-responder.js';
export { DrainChannel } from './drain-channel.js';
export {
  DEFAULT_HOLD_MS,
  DEFAULT_ROLES,
  DEFAULT_TIMEOUT_MS,
  LEASE_MS,
  releaseToAsk,
  type DrainWish,
} from './drain-wish.js';
export type { BusyProcess, FleetLook } from './verdict.js';
