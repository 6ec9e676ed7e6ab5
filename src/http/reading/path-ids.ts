import { Injectable, type PipeTransform } from '@nestjs/common';
import { NotFoundError } from '../errors/request-errors.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of a task in the path, in lower case. What cannot be an id is the id of nothing: 404. */
@Injectable()
export class TaskIdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    return idOf('task', value);
  }
}

/** The id of a FailedTask in the path. */
@Injectable()
export class FailedTaskIdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    return idOf('failed task', value);
  }
}

function idOf(what: string, value: string): string {
  if (!UUID.test(value)) throw new NotFoundError(`${what} with this id`);
  return value.toLowerCase();
}
