import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { DefinitionError } from '../foundation/index.js';
import { defineJob } from './job-definition.js';
import { EntityRows } from './entity-rows.js';
import { JobMetadataAccessor } from './job-metadata.accessor.js';
import { JobRegistry } from './job-registry.js';

/** Finds the decorated providers of the app at boot and fills the registry. Whatever is wrong stops the boot. */
@Injectable()
export class JobExplorer implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly metadata: JobMetadataAccessor,
    private readonly registry: JobRegistry,
    private readonly rows: EntityRows,
  ) {}

  onModuleInit(): void {
    const seen = new Set<unknown>();
    for (const provider of this.discovery.getProviders()) {
      const type: unknown = provider.metatype;
      const options = this.metadata.optionsOf(type);
      if (options === undefined || typeof type !== 'function') continue;
      if (!provider.isDependencyTreeStatic() || provider.isTransient) {
        throw new DefinitionError(
          `${type.name} is request-scoped or transient, or needs something that is. A job is one instance: remove the scope from its dependencies`,
        );
      }
      const instance: unknown = provider.instance;
      if (seen.has(instance)) continue; // one instance under a second token (useExisting)
      seen.add(instance);
      this.registry.add(defineJob(type.name, options, instance, this.rows), type, type.name);
    }
  }
}
