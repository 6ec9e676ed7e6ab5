export * from './console.transport.js';
export * from './mail-error.js';
export * from './mail.module.js';
export * from './mailer.js';
export type * from './message.js';
export * from './smtp.transport.js';
