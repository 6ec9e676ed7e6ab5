import { Get, HttpCode, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { SECOND, withTimeout } from '../../foundation/index.js';
import { Drain, type ProcessState } from '../../lifecycle/index.js';
import { Postgres } from '../../postgres/index.js';
import { RedisClients } from '../../redis/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, refTo } from '../docs/operations.js';
import type { Reply } from '../reply.js';
import { WebDrainable } from '../web-drainable.js';

type UpDown = 'up' | 'down';

interface Readiness {
  readonly status: 'ok' | 'degraded' | 'down';
  readonly checks: { readonly postgres: UpDown; readonly redis: UpDown; readonly state: ProcessState };
}

/** Less than probes wait (a few seconds). */
const CHECK_MS = 2 * SECOND;

/** For platforms: may traffic come here, is the process worth keeping. Open to everybody. */
@RestController('health')
export class HealthController {
  constructor(
    private readonly web: WebDrainable,
    private readonly drain: Drain,
    private readonly postgres: Postgres,
    private readonly redis: RedisClients,
  ) {}

  @Get('live')
  @HttpCode(200)
  @Rules({ access: 'open', lasting: true })
  @ApiOperation({ summary: 'The process is alive' })
  @Answers(200, 'Live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Redis down is degraded, not down: enqueuing works without it, and a platform must not take all webs away. */
  @Get('ready')
  @Rules({ access: 'open', lasting: true })
  @ApiOperation({ summary: 'Requests may be sent here' })
  @Answers(200, 'Ready')
  @ApiResponse({
    status: 503,
    description: 'Send nobody here: PostgreSQL is away, or this process is going',
    schema: refTo('Ready'),
  })
  async ready(@Res({ passthrough: true }) reply: Reply): Promise<Readiness> {
    const [postgres, redis] = await Promise.all([
      upOrDown(this.postgres.query({ text: 'SELECT 1' })),
      upOrDown(this.redis.command.ping()),
    ]);
    const isDown = postgres === 'down' || this.web.isQuiet;
    if (isDown) reply.status(503);
    const state = this.web.isQuiet ? this.quietState() : 'running';
    return {
      status: isDown ? 'down' : redis === 'down' ? 'degraded' : 'ok',
      checks: { postgres, redis, state },
    };
  }

  // Another room of this process may be draining while the web works on: only our own quiet is told here.
  private quietState(): ProcessState {
    return this.drain.state === 'draining' ? 'draining' : 'quiet';
  }
}

async function upOrDown(check: Promise<unknown>): Promise<UpDown> {
  try {
    await withTimeout(check, CHECK_MS, () => new Error('too slow'));
    return 'up';
  } catch {
    return 'down'; // why is told by the rooms that own the connections
  }
}
