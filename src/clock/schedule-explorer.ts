import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { asError, DefinitionError, toJsonText, type JsonValue } from '../foundation/index.js';
import { InvalidPayloadError, JobRegistry, type JobClass, type JobDefinition } from '../jobs/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import { NestScheduleExplorer } from './nest-schedule-explorer.js';
import { readBody } from './schedule-body.js';
import { declaredOn, type DeclaredSchedule } from './schedule.decorator.js';

/**
 * Finds the schedules that the code declares. Whatever is wrong with one stops the boot, in every role: an unknown job, a
 * bad pattern, a payload that its job refuses, a name that is taken.
 */
@Injectable()
export class ScheduleExplorer implements OnApplicationBootstrap {
  private found: readonly ScheduleDefinition[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly jobs: JobRegistry,
    private readonly methods: NestScheduleExplorer,
  ) {}

  /** Complete once Nest's `onApplicationBootstrap` hooks have run. */
  get declarations(): readonly ScheduleDefinition[] {
    return this.found;
  }

  // The registry of jobs is complete only now.
  async onApplicationBootstrap(): Promise<void> {
    const found = new Map<string, ScheduleDefinition>();
    const methods = new Map(this.methods.methods.map((method) => [method.name, method.where]));
    for (const type of new Set(this.discovery.getProviders().map((provider): unknown => provider.metatype))) {
      if (typeof type !== 'function') continue;
      for (const declared of declaredOn(type)) {
        const definition = await this.define(type as JobClass, declared); // a class, and perhaps no job: then `job` names one
        const method = methods.get(definition.name);
        if (method !== undefined)
          throw new DefinitionError(
            `@EnqueueOn on ${type.name}: the scheduled method ${method} has the name "${definition.name}" already. Give one of them another: @EnqueueOn(…, { name: '${definition.name}.2' })`,
          );
        if (found.has(definition.name))
          throw new DefinitionError(
            `Two schedules have the name "${definition.name}"; one stands on ${type.name}. Give it another: @EnqueueOn(…, { name: '${definition.name}.2' })`,
          );
        found.set(definition.name, definition);
      }
    }
    this.found = [...found.values()];
  }

  private async define(type: JobClass, { when, options }: DeclaredSchedule): Promise<ScheduleDefinition> {
    const { name, job, ...rest } = options;
    const where = `@EnqueueOn on ${type.name}`;
    const known = this.jobOf(where, type, job);
    const payload = jsonOf(where, options.payload ?? {});
    const { definition, issues } = readBody(
      name ?? known.name,
      { ...rest, payload, job: known.name, ...ruleFields(when) },
      Date.now(),
      dateOf(when),
    );
    if (issues.length > 0)
      throw new DefinitionError(
        `${where}: ${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
      );
    try {
      await known.payload.parse(options.payload ?? {}, 'payload');
    } catch (error) {
      if (error instanceof InvalidPayloadError)
        throw new DefinitionError(
          `${where}: the job ${known.name} refuses its payload. ${error.message}`,
          {},
          { cause: error },
        );
      throw error;
    }
    return definition;
  }

  private jobOf(where: string, type: JobClass, job: string | JobClass | undefined): JobDefinition {
    if (typeof job === 'function') return this.jobs.of(job);
    const known = job === undefined ? this.ownJob(where, type) : this.jobs.find(job);
    if (known !== undefined) return known;
    const names = this.jobs.all().map((each) => each.name);
    throw new DefinitionError(`${where}: there is no job "${String(job)}". Known jobs: ${names.join(', ')}`);
  }

  private ownJob(where: string, type: JobClass): JobDefinition {
    try {
      return this.jobs.of(type);
    } catch (error) {
      throw new DefinitionError(
        `${where}: ${type.name} is no job itself, so the schedule must name one. Add job: TheJob`,
        {},
        { cause: error },
      );
    }
  }
}

function ruleFields(when: DeclaredSchedule['when']): Record<string, unknown> {
  if (typeof when === 'string') return { cron: when };
  return 'every' in when
    ? { every: when.every }
    : { at: when.at instanceof Date ? when.at.toISOString() : when.at };
}

// A date that has passed is no fault of the code: it was due once.
function dateOf(when: DeclaredSchedule['when']): { at: Date } | null {
  return typeof when === 'object' && 'at' in when ? { at: new Date(when.at) } : null;
}

function jsonOf(where: string, payload: unknown): JsonValue {
  try {
    return JSON.parse(toJsonText(payload)) as JsonValue; // text that was JSON
  } catch (error) {
    throw new DefinitionError(
      `${where}: its payload is no JSON. ${asError(error).message}`,
      {},
      { cause: error },
    );
  }
}
