import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type Bull from 'bull';
import { SETTINGS, type Settings } from '../config/index.js';
import { DefinitionError } from '../foundation/index.js';

/** The part of @nestjs/bull's explorer that hands a `@Process` method to its Bull queue. */
interface BullExplorer {
  handleProcessor(instance: object, key: string, queue: Bull.Queue, ...rest: unknown[]): void;
}
type BullExplorerClass = new (...args: never[]) => BullExplorer;

/**
 * The users' own `@Processor` classes of @nestjs/bull beside ours: they go on working in the worker role, and only there.
 *
 * @nestjs/bull registers them in its `onModuleInit`, and whose `onModuleInit` comes first depends on the order of the
 * imports of somebody else's module. But every provider is constructed before the first hook: so our constructor takes
 * hold of the explorer of this app (and of no other app in the same process), whether it is constructed already or not.
 */
@Injectable()
export class ForeignProcessors {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    modules: ModulesContainer,
  ) {
    for (const module of modules.values()) {
      for (const wrapper of module.providers.values()) {
        if (!isBullExplorer(wrapper.metatype)) continue;
        const gated = this.gated(wrapper.metatype);
        wrapper.metatype = gated;
        // Constructed already: the cast says that it is an instance of the class it was found under.
        if (wrapper.instance !== null) Object.setPrototypeOf(wrapper.instance, gated.prototype);
      }
    }
  }

  private gated(explorer: BullExplorerClass): BullExplorerClass & { prototype: BullExplorer } {
    const original = explorer.prototype as BullExplorer; // what `new` makes of it
    const worksHere = this.settings.roles.includes('worker');
    const { appName } = this.settings;
    // It inherits the class's own metadata, by which Nest injects its constructor.
    return class Gated extends explorer {
      override handleProcessor(instance: object, key: string, queue: Bull.Queue, ...rest: unknown[]): void {
        refuseOurKeys(queue, appName);
        if (worksHere) original.handleProcessor.call(this, instance, key, queue, ...rest);
      }
    };
  }
}

function isBullExplorer(metatype: unknown): metatype is BullExplorerClass {
  return (
    typeof metatype === 'function' &&
    metatype.name === 'BullExplorer' &&
    'handleProcessor' in (metatype.prototype as object)
  );
}

// A Bull worker on our keys would take our tasks and fail them: "Missing process handler".
function refuseOurKeys(queue: Bull.Queue, appName: string): void {
  const [prefix = ''] = queue.toKey('').split(`:${queue.name}:`);
  if (!prefix.startsWith(`{${appName}:`)) return;
  throw new DefinitionError(
    `The Bull queue "${queue.name}" has the prefix "${prefix}", which is Shiftwork's own: give it another one, ` +
      `BullModule.registerQueue({ name: '${queue.name}', prefix: 'bull' }), or write its jobs as @JobHandler.`,
  );
}
