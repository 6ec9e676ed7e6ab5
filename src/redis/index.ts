export * from './checks.js';
export { connectionOptionsOf, openRedis, type Purpose } from './connection.js';
export * from './keys.js';
export * from './redis-clients.js';
export * from './redis-errors.js';
export * from './redis.module.js';
export * from './subscriptions.js';
