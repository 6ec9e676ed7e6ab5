import { Injectable } from '@nestjs/common';
import { DefinitionError } from '../foundation/index.js';
import type { JobClass } from './job.js';
import type { JobDefinition } from './job-definition.js';
import { DuplicateJobError, UnknownJobError } from './job-errors.js';

/** Every job of this process by name and by class. Complete once Nest's `onModuleInit` hooks have run. */
@Injectable()
export class JobRegistry {
  private readonly byName = new Map<string, { definition: JobDefinition; className: string }>();
  private readonly byClass = new Map<object, JobDefinition>();

  /** The job of this name. Throws `UnknownJobError`. */
  get(name: string): JobDefinition {
    const definition = this.find(name);
    if (definition === undefined) throw new UnknownJobError(name, [...this.byName.keys()].sort());
    return definition;
  }

  find(name: string): JobDefinition | undefined {
    return this.byName.get(name)?.definition;
  }

  /** The job of this class. Throws `DefinitionError` when the class is no provider of this app. */
  of(jobClass: JobClass): JobDefinition {
    const definition = this.byClass.get(jobClass);
    if (definition !== undefined) return definition;
    throw new DefinitionError(
      `${jobClass.name} is no job of this app. Put @JobHandler({ name: … }) on it, and it into the providers of a module: providers: [${jobClass.name}]`,
    );
  }

  /** All jobs, by name. */
  all(): JobDefinition[] {
    return [...this.byName.values()]
      .map(({ definition }) => definition)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** For the explorer, at boot. Throws `DuplicateJobError` when the name is taken. */
  add(definition: JobDefinition, jobClass: object, className: string): void {
    const other = this.byName.get(definition.name);
    if (other !== undefined) {
      throw new DuplicateJobError(
        other.className === className && this.byClass.has(jobClass)
          ? `${className} is in the providers of two modules. Keep one, add exports: [${className}] there, and import that module in the other`
          : `Two jobs have the name "${definition.name}": ${other.className} and ${className}. Change the name in the @JobHandler of one of them`,
      );
    }
    this.byName.set(definition.name, { definition, className });
    this.byClass.set(jobClass, definition);
  }
}
