import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { DefinitionError } from '../foundation/index.js';
import type { FailureLink } from './failure-handler.js';
import { FAILURE_HANDLER, type FailureHandlerOptions } from './failure-handler.decorator.js';

/** One link of the chain, with the name it is reported under. */
export interface NamedLink {
  readonly name: string;
  readonly order: number;
  /** Null: every job. */
  readonly jobs: readonly string[] | null;
  readonly link: FailureLink;
}

/** The users' links, in the order in which they run. Complete once Nest's `onModuleInit` hooks have run. */
@Injectable()
export class FailureLinks implements OnModuleInit {
  private found: readonly NamedLink[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

  /** The links that want to see failures of this job. */
  of(job: string): readonly NamedLink[] {
    return this.found.filter(({ jobs }) => jobs === null || jobs.includes(job));
  }

  /** Jobs whose failures any link wants to see; null: every job's. */
  get jobs(): readonly string[] | null {
    const jobs = this.found.map((link) => link.jobs);
    return jobs.includes(null) ? null : jobs.flatMap((each) => each ?? []);
  }

  onModuleInit(): void {
    const links = new Map<unknown, NamedLink>(); // by instance: useExisting gives one instance a second token
    for (const { metatype, instance } of this.discovery.getProviders()) {
      if (typeof metatype !== 'function') continue;
      const options = Reflect.getMetadata(FAILURE_HANDLER, metatype) as FailureHandlerOptions | undefined; // only our decorator writes it
      if (options !== undefined)
        links.set(instance, {
          name: metatype.name,
          order: options.order ?? 0,
          jobs: options.jobs ?? null,
          link: checked(metatype.name, instance),
        });
    }
    this.found = [...links.values()].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  }
}

function checked(name: string, instance: unknown): FailureLink {
  if (
    typeof instance === 'object' &&
    instance !== null &&
    'handle' in instance &&
    typeof instance.handle === 'function'
  )
    return instance as FailureLink; // has handle
  throw new DefinitionError(
    `${name} has @FailureHandler but no handle method, or is request-scoped. Add: async handle(failure) { … }`,
  );
}
