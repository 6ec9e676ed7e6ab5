export * from './config.module.js';
export * from './environment.js';
export * from './load-settings.js';
export * from './queues.js';
export { isReleaseNamed } from './release.js';
export * from './roles.js';
export type * from './settings.js';
export * from './settings-error.js';
export { SETTINGS } from './settings-token.js';
