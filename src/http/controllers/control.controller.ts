import { Body, HttpCode, Post, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { Verdict } from '../../control/index.js';
import { DrainRequest } from '../../control/index.js';
import { asError, pause, SECOND } from '../../foundation/index.js';
import { Telemetry } from '../../telemetry/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Taking } from '../docs/operations.js';
import { NotSafeError } from '../errors/not-safe-error.js';
import { problemOf } from '../errors/problem.js';
import { readDrain } from '../reading/drain-body.js';
import { refuseBody } from '../reading/field-reader.js';
import type { Reply, RestRequest } from '../reply.js';
import { onClientGone } from '../streams/client-gone.js';
import { OpenEnds } from '../streams/open-ends.js';
import { lateAnswer, type LateAnswer } from '../streams/verdict-stream.js';

/** After this long the answer has to begin, whatever it will be: routers cut a request that is silent for 30 s. */
const SILENT_MS = 20 * SECOND;

/** Asking the fleet to be quiet before a deploy. */
@RestController('control')
export class ControlController {
  constructor(
    private readonly drains: DrainRequest,
    private readonly openEnds: OpenEnds,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * 200: safe to push. 409: not safe, naming who is busy. A verdict that takes longer than 20 s comes behind spaces, with
   * 200 sent before it is known: one that is not safe is then cut off before its end, which makes `curl -f` fail as well.
   */
  @Post('drain')
  @HttpCode(200)
  @Rules({ access: [], lasting: true })
  @ApiOperation({
    summary: 'Wait until the asked processes have drained: 200 safe to push, 409 names who is busy',
    description:
      'Spaces may precede the JSON. After 20 s the status 200 is sent before the verdict; a verdict that is not safe is then cut off, so that "curl -f … && push" does not push.',
  })
  @Taking('DrainBody', false)
  @Answers(200, 'Verdict')
  async drain(
    @Body() body: unknown,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Verdict | StreamableFile> {
    const options = readDrain(body);
    const stop = new AbortController();
    const abort = (): void => {
      stop.abort();
    };
    // A caller that hangs up takes its wish back, and so does a web that shuts down. A drain of the web itself must not end it.
    const stopWatching = [this.openEnds.add(abort, 'stop'), onClientGone(request, abort)];
    const verdict = this.drains.run({ ...options, signal: stop.signal, by: 'REST' }).finally(() => {
      for (const off of stopWatching) off();
    });
    const silent = new AbortController();
    const inTime = await Promise.race([verdict, pause(SILENT_MS, silent.signal).then(() => null)]).finally(
      () => {
        silent.abort();
      },
    );
    if (inTime === null) {
      reply.header('cache-control', 'no-transform');
      return new StreamableFile(lateAnswer(this.late(verdict)), { type: 'application/json' });
    }
    if (!inTime.safe) throw new NotSafeError(inTime);
    return inTime;
  }

  @Post('resume')
  @HttpCode(200)
  @Rules({ access: [] })
  @ApiOperation({ summary: 'Take every drain back; answers who works again' })
  @Answers(200, 'Resumed')
  async resume(@Body() body: unknown): Promise<{ resumed: string[] }> {
    refuseBody(body);
    return this.drains.resume();
  }

  private async late(verdict: Promise<Verdict>): Promise<LateAnswer> {
    try {
      const decided = await verdict;
      if (decided.safe) return { text: JSON.stringify(decided), isGood: true };
      return { text: JSON.stringify({ ...problemOf(new NotSafeError(decided)), ...decided }), isGood: false };
    } catch (error) {
      const problem = problemOf(error);
      // The filter does not see it: the status is out.
      if (problem.status === 500) {
        const { message, stack = '' } = asError(error);
        this.telemetry.emit('http.failed', { method: 'POST', path: '/control/drain', error: message, stack });
      }
      return { text: JSON.stringify(problem), isGood: false };
    }
  }
}
