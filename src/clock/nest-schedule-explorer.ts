import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { DefinitionError } from '../foundation/index.js';
import { nestMethodOf, type NestMethod } from './nest-method.js';

/**
 * Finds the methods that @nestjs/schedule's decorators stand on, and keeps its own timers from starting.
 *
 * Left alone, @nestjs/schedule runs them in every process, which is once per replica, and its shutdown does not await them.
 * Here they run in the leading clock only. So when the app has imported `ScheduleModule.forRoot()`, what it found is taken
 * from it before it mounts anything: Nest calls every module's `onModuleInit`, in which it explores, before any
 * `onApplicationBootstrap`, in which it mounts. Its `SchedulerRegistry` stays as it is for jobs that the app adds by hand.
 */
@Injectable()
export class NestScheduleExplorer implements OnModuleInit {
  private readonly found = new Map<string, Found>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** Complete once `onModuleInit` has run. */
  get methods(): readonly NestMethod[] {
    return [...this.found.values()].map(({ method }) => method);
  }

  onModuleInit(): void {
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      const instance: unknown = wrapper.instance;
      if (seen.has(instance)) continue;
      seen.add(instance);
      if (wrapper.token === MODULE_OPTIONS) switchOff(instance);
      else if (wrapper.name === ORCHESTRATOR) forget(instance);
      else if (wrapper.isDependencyTreeStatic()) this.explore(instance);
    }
  }

  private explore(instance: unknown): void {
    if (typeof instance !== 'object' || instance === null) return;
    const prototype = Object.getPrototypeOf(instance) as object | null;
    if (prototype === null || prototype === Object.prototype) return;
    const type = prototype.constructor;
    for (const key of this.scanner.getAllMethodNames(prototype)) {
      const method = nestMethodOf(instance, type.name, key);
      if (method !== null) this.add({ method, type });
    }
  }

  private add(found: Found): void {
    const { name, where } = found.method;
    const other = this.found.get(name);
    if (other !== undefined) {
      const className = found.type.name;
      throw new DefinitionError(
        other.type === found.type && other.method.where === where
          ? `${className}, which has the scheduled method ${where}, is in the providers of two modules. Keep one, add exports: [${className}] there, and import that module in the other`
          : `Two scheduled methods have the name "${name}": ${other.method.where} and ${where}. Give one another name in its decorator`,
      );
    }
    this.found.set(name, found);
  }
}

interface Found {
  readonly method: NestMethod;
  readonly type: { readonly name: string };
}

/** Internals of @nestjs/schedule 12.0.2, which is pinned; `test/integration/clock/nest-schedule.spec.ts` would see a change. */
const MODULE_OPTIONS = 'SCHEDULE_MODULE_OPTIONS';
const ORCHESTRATOR = 'SchedulerOrchestrator';

// For when we come first: it will not look for methods.
function switchOff(options: unknown): void {
  if (typeof options === 'object' && options !== null)
    Object.assign(options, { cronJobs: false, intervals: false, timeouts: false });
}

// For when it came first: what it found, and has not mounted yet.
function forget(orchestrator: unknown): void {
  if (typeof orchestrator === 'object' && orchestrator !== null)
    Object.assign(orchestrator, { cronJobs: {}, intervals: {}, timeouts: {} });
}
