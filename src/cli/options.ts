import { addAbortSignal } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import { isRole, ROLES, type Role } from '../config/index.js';
import { instantOf, messageOf, SECOND } from '../foundation/index.js';
import { UsageError } from './exit-codes.js';

// What people type, parsed at once. A fault is told by commander together with the option's own name.

/** Whole or decimal seconds → ms. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Give seconds, for example 60.');
  return Math.round(value * SECOND);
}

/** A whole number of at least 1. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('Give a whole number of 1 or more.');
  return value;
}

/** An instant, as ISO 8601 with a time zone. */
export function instant(text: string): Date {
  const at = instantOf(text);
  if (at === null) throw new InvalidArgumentError('Give an instant such as 2026-11-21T08:00:00Z.');
  return at;
}

/** `clock,worker`, also given several times. */
export function roles(text: string, before: Role[] = []): Role[] {
  const named = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const wrong = named.find((each) => !isRole(each));
  if (wrong !== undefined || named.length === 0)
    throw new InvalidArgumentError(`Give one or more of ${ROLES.join(', ')}, separated by commas.`);
  return [...new Set([...before, ...named.filter(isRole)])];
}

/** JSON from the command line; `-` reads it from stdin, until the signal aborts. */
export async function jsonArgument(text: string, what: string, signal: AbortSignal): Promise<unknown> {
  const source = text === '-' ? await textOf(addAbortSignal(signal, process.stdin)) : text;
  try {
    return JSON.parse(source) as unknown;
  } catch (error) {
    throw new UsageError(
      `The ${what} is no JSON (${messageOf(error)}). Quote it for the shell, for example '{"width": 200}', or pass - and pipe it in.`,
      {},
      { cause: error },
    );
  }
}
