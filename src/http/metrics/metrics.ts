import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Heartbeat } from '../../fleet/index.js';
import { UnavailableError } from '../../foundation/index.js';
import { Queues } from '../../tasks/index.js';
import { type EmittedEvent, Telemetry } from '../../telemetry/index.js';

const QUEUE_GAUGES = ['backlog', 'running', 'scheduled', 'retrying', 'workers', 'slots'] as const;

/**
 * What Prometheus reads: queues as the whole fleet has them, read when asked for; events and requests as this process
 * counts them. Task counters come out of the events that also make the log, so they count where the tasks run.
 */
@Injectable()
export class Metrics implements OnModuleDestroy {
  private readonly registry = new Registry();
  private readonly queueGauges = QUEUE_GAUGES.map((name) => ({
    name,
    gauge: this.gauge(`shiftwork_queue_${name}`, `Queue: ${name}`, ['queue']),
  }));
  private readonly latency = this.gauge('shiftwork_queue_latency_seconds', 'Age of the oldest waiting task', [
    'queue',
  ]);
  private readonly paused = this.gauge('shiftwork_queue_paused', '1 while the queue is paused', ['queue']);
  private readonly ledgerUp = this.gauge(
    'shiftwork_ledger_up',
    '0 while PostgreSQL cannot be read; the queue gauges are absent then',
    [],
  );
  private readonly loopLag = this.gauge('shiftwork_loop_lag_seconds', 'How late the main loop is', []);
  private readonly memory = this.gauge(
    'shiftwork_resident_memory_bytes',
    'Resident memory of the process',
    [],
  );
  private readonly events = new Counter({
    name: 'shiftwork_events_total',
    help: 'Events of this process by name',
    labelNames: ['event'],
    registers: [this.registry],
  });
  private readonly tasks = new Counter({
    name: 'shiftwork_task_events_total',
    help: 'What happened to tasks that ran in this process',
    labelNames: ['event', 'job', 'queue'],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: 'shiftwork_task_duration_seconds',
    help: 'How long executions took in this process',
    labelNames: ['job'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800],
    registers: [this.registry],
  });
  private readonly requests = new Histogram({
    name: 'shiftwork_http_request_duration_seconds',
    help: 'How long requests took',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });
  private readonly stopListening: () => void;

  constructor(
    private readonly queues: Queues,
    private readonly heartbeat: Heartbeat,
    telemetry: Telemetry,
  ) {
    this.stopListening = telemetry.addSink((event) => {
      this.count(event);
    });
  }

  onModuleDestroy(): void {
    this.stopListening();
  }

  observeRequest(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status }, seconds);
  }

  async text(): Promise<string> {
    this.loopLag.set(this.heartbeat.loopLagMs / 1_000);
    this.memory.set(process.memoryUsage.rss());
    await this.readQueues();
    return this.registry.metrics();
  }

  // The process's own numbers are wanted most when a server is away, so that must not fail the scrape.
  private async readQueues(): Promise<void> {
    for (const { gauge } of this.queueGauges) gauge.reset();
    this.latency.reset();
    this.paused.reset();
    try {
      const queues = await this.queues.list();
      this.ledgerUp.set(1);
      for (const queue of queues) {
        for (const { name, gauge } of this.queueGauges) {
          const value = queue[name];
          if (value !== null) gauge.set({ queue: queue.name }, value);
        }
        this.latency.set({ queue: queue.name }, queue.latency / 1_000);
        this.paused.set({ queue: queue.name }, queue.paused ? 1 : 0);
      }
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.ledgerUp.set(0);
    }
  }

  private count({ name, fields }: EmittedEvent): void {
    this.events.inc({ event: name });
    const { job, queue, durationMs } = fields;
    if (!name.startsWith('task.') || typeof job !== 'string' || typeof queue !== 'string') return;
    this.tasks.inc({ event: name, job, queue });
    if (typeof durationMs === 'number') this.durations.observe({ job }, durationMs / 1_000);
  }

  private gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }
}
