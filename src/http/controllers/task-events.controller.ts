import { Get, Header, Param, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiCookieAuth, ApiOperation, ApiProduces, ApiResponse } from '@nestjs/swagger';
import { type TaskEvent, Tasks } from '../../tasks/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { TOKEN_COOKIE } from '../access/token-of.js';
import { TaskIdPipe } from '../reading/path-ids.js';
import { headerOf, type Reply, type RestRequest } from '../reply.js';
import { onClientGone } from '../streams/client-gone.js';
import { eventStream, isLast } from '../streams/event-stream.js';
import { OpenEnds } from '../streams/open-ends.js';

/** One task as server-sent events: the present state first, then each change, until the task has ended. */
@RestController('tasks')
export class TaskEventsController {
  constructor(
    private readonly tasks: Tasks,
    private readonly openEnds: OpenEnds,
  ) {}

  @Get(':id/events')
  @Rules({ access: ['viewer', 'client'], takesCookie: true, lasting: true })
  @Header('cache-control', 'no-cache, no-transform')
  @Header('x-accel-buffering', 'no') // nginx must not hold the events back
  @ApiOperation({
    summary: 'Server-sent events: status, progress, log. 204 for a reconnect that has seen the end',
    description: `An EventSource can send no header: a page gives its token, percent-encoded, in the cookie ${TOKEN_COOKIE}.`,
  })
  @ApiCookieAuth()
  @ApiProduces('text/event-stream')
  @ApiResponse({ status: 200, description: 'The events' })
  @ApiResponse({ status: 204, description: 'Last-Event-ID is the end' })
  async events(
    @Param('id', TaskIdPipe) id: string,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<StreamableFile | undefined> {
    const stop = new AbortController();
    const events = this.tasks.follow(id, stop.signal)[Symbol.asyncIterator]();
    // The first event is the present state. Asked for before anything is sent, so that an unknown task is a 404.
    const first = await events.next();
    if (first.done === true || hasSeenTheEnd(request, first.value)) {
      stop.abort();
      reply.status(204);
      return undefined;
    }
    const stopWatching = [
      this.openEnds.add(() => {
        stop.abort();
      }),
      onClientGone(request, () => {
        stop.abort();
      }),
    ];
    stop.signal.addEventListener(
      'abort',
      () => {
        for (const off of stopWatching) off();
      },
      { once: true },
    );
    return new StreamableFile(eventStream(first.value, { [Symbol.asyncIterator]: () => events }, stop), {
      type: 'text/event-stream',
    });
  }
}

/** EventSource reconnects for ever after a stream's end; 204 tells it to stop. */
function hasSeenTheEnd(request: RestRequest, present: TaskEvent): boolean {
  const last = headerOf(request, 'last-event-id') ?? '';
  if (!isLast(present) || !/^\d{1,18}$/.test(last)) return false;
  return BigInt(last) >= BigInt(present.id);
}
