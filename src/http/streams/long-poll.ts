import { Injectable } from '@nestjs/common';
import { SECOND } from '../../foundation/index.js';
import { Tasks, type TaskView } from '../../tasks/index.js';
import type { RestRequest } from '../reply.js';
import { onClientGone } from './client-gone.js';
import { OpenEnds } from './open-ends.js';

/** A request that waits for the end of a task. */
@Injectable()
export class LongPoll {
  constructor(
    private readonly tasks: Tasks,
    private readonly openEnds: OpenEnds,
  ) {}

  /** The task when it has ended; as it stands after `seconds`, or when this process goes quiet. */
  async untilEnd(id: string, seconds: number, request: RestRequest): Promise<TaskView> {
    const stop = new AbortController();
    const abort = (): void => {
      stop.abort();
    };
    const stopWatching = [this.openEnds.add(abort), onClientGone(request, abort)];
    try {
      const ended = this.tasks.waitForEnd(id, seconds * SECOND, stop.signal);
      return await ended;
    } finally {
      for (const off of stopWatching) off();
    }
  }
}
