import { Injectable, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';

interface Route {
  readonly verb: string;
  readonly pattern: RegExp;
}

/** Every route of the app's controllers, so that a wrong verb on a known path can be told from an unknown path. */
@Injectable()
export class RouteTable {
  private routes: readonly Route[] | null = null;

  constructor(private readonly modules: ModulesContainer) {}

  /** The verbs that the path answers to, sorted; empty for an unknown path. */
  verbsOf(url: string): string[] {
    this.routes ??= this.collect();
    const path = url.split('?')[0] ?? '';
    const verbs = this.routes.filter((route) => route.pattern.test(path)).map((route) => route.verb);
    if (verbs.includes('GET')) verbs.push('HEAD');
    return [...new Set(verbs)].sort();
  }

  private collect(): Route[] {
    const controllers = [...this.modules.values()].flatMap((module) => [...module.controllers.values()]);
    return controllers.flatMap(({ metatype }) =>
      typeof metatype === 'function' ? routesOf(metatype as Type) : [],
    );
  }
}

function routesOf(controller: Type): Route[] {
  const prefixes = pathsOf(controller);
  const prototype: unknown = controller.prototype;
  if (typeof prototype !== 'object' || prototype === null) return [];
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
    if (typeof handler !== 'function') return [];
    const verb: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
    if (typeof verb !== 'number') return [];
    return prefixes.flatMap((prefix) =>
      pathsOf(handler).map((path) => ({
        verb: RequestMethod[verb] ?? 'ALL',
        pattern: patternOf(`${prefix}/${path}`),
      })),
    );
  });
}

function pathsOf(target: object): string[] {
  const path: unknown = Reflect.getMetadata(PATH_METADATA, target);
  return [path].flat().filter((each): each is string => typeof each === 'string');
}

function patternOf(path: string): RegExp {
  const segments = path.split('/').filter((segment) => segment !== '');
  const source = segments.map((segment) =>
    segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^/${source.join('/')}/?$`); // the router passes over a slash at the end
}
