import { Get, Header } from '@nestjs/common';
import { ApiOperation, ApiProduces } from '@nestjs/swagger';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Metrics } from '../metrics/metrics.js';

@RestController('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Rules({ access: 'docs' })
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({ summary: 'Prometheus metrics: queues of the whole fleet, the rest of this process' })
  @ApiProduces('text/plain')
  async scrape(): Promise<string> {
    return this.metrics.text();
  }
}
