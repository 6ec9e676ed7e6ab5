import { createRequire } from 'node:module';
import type * as Transformer from 'class-transformer';
import type * as TransformerStorage from 'class-transformer/cjs/storage.js';
import type * as Validator from 'class-validator';

/*
 * Loaded with the first payload that is a class: a process whose payloads are all Standard Schemas does without their 350
 * files. They are CommonJS, so what a user's `import` gives and what `require` gives is one instance, with one metadata storage.
 */
const require = createRequire(import.meta.url);

/** class-validator */
export function validator(): typeof Validator {
  return require('class-validator') as typeof Validator; // what the package exports
}

/** class-transformer */
export function transformer(): typeof Transformer {
  return require('class-transformer') as typeof Transformer; // what the package exports
}

/** Where class-transformer keeps what `@Type` says; the package has no reader of its own. */
export function transformerStorage(): typeof TransformerStorage {
  return require('class-transformer/cjs/storage.js') as typeof TransformerStorage; // what the file exports
}
