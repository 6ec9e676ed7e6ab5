import { isRole, type Role } from '../../config/index.js';
import type { DrainOptions } from '../../control/index.js';
import { DAY, SECOND } from '../../foundation/index.js';
import { FieldReader, withoutUndefined } from './field-reader.js';

/** `{roles?: ["clock","worker"], timeout?: 60000, hold?: 900000}`, times in ms. */
export function readDrain(body: unknown): Pick<DrainOptions, 'roles' | 'timeoutMs' | 'holdMs'> {
  const reader = FieldReader.body(body, ['roles', 'timeout', 'hold']);
  const options = withoutUndefined({
    roles: readRoles(reader),
    timeoutMs: reader.integer('timeout', { min: 0, max: DAY, unit: 'ms' }),
    holdMs: reader.integer('hold', { min: SECOND, max: 7 * DAY, unit: 'ms' }),
  });
  reader.done();
  return options;
}

function readRoles(reader: FieldReader): Role[] | undefined {
  const list = reader.list('roles');
  if (list === undefined) return undefined;
  const roles = list.filter((each): each is Role => typeof each === 'string' && isRole(each));
  if (roles.length === list.length && roles.length > 0) return roles;
  reader.fault('roles', 'must name one or more of web, worker, clock');
  return undefined;
}
