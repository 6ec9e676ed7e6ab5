import { Get, Query } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { type ProcessRecord, RollCall } from '../../fleet/index.js';
import type { Page } from '../../foundation/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Listed } from '../docs/operations.js';
import { type RawQuery, readPage } from '../reading/query-reader.js';
import { pageInMemory } from '../views/page-in-memory.js';

@RestController('processes')
export class ProcessesController {
  constructor(private readonly rollCall: RollCall) {}

  @Get()
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'Every live process, with what it runs' })
  @Listed('Process')
  async list(@Query() query: RawQuery): Promise<Page<ProcessRecord>> {
    const page = readPage(query);
    return pageInMemory(await this.rollCall.live(), page, (process) => process.id);
  }
}
