import { Get, Query } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { type ProcessRecord, RollCall } from '../../fleet/index.js';
import type { Page } from '../../foundation/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Listed } from '../docs/operations.js';
import { readPage } from '../reading/query-reader.js';
import { pageOf } from '../views/list.js';

@RestController('processes')
export class ProcessesController {
  constructor(private readonly rollCall: RollCall) {}

  @Get()
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'Every live process, with what it runs' })
  @Listed('Process')
  async list(@Query() query: Record<string, unknown>): Promise<Page<ProcessRecord>> {
    const page = readPage(query);
    return pageOf(await this.rollCall.live(), page, (process) => process.id);
  }
}
