import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { EntityRows } from './entity-rows.js';
import { JobExplorer } from './job-explorer.js';
import { JobMetadataAccessor } from './job-metadata.accessor.js';
import { JobRegistry } from './job-registry.js';

/** The registry, filled at boot. Global: there is one of it in an app. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [JobRegistry, JobExplorer, JobMetadataAccessor, EntityRows],
  exports: [JobRegistry],
})
export class JobsModule {}
