export { booted } from './boot.js';
export * from './shiftwork.module.js';
export * from './start.js';
