export * from './http.module.js';
export type { HttpOptions } from './http-options.js';
export * from './prepare-web.js';
