import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { DefinitionError } from '../foundation/index.js';
import { type EntityId, refOf } from './entity-ref.js';
import { EntityGoneError } from './job-errors.js';
import { replaceAt } from './walk-paths.js';

/** Fetches the rows that references in a payload name, from whichever TypeORM DataSource of the app knows their entity. */
@Injectable()
export class EntityRows {
  private found: readonly DataSource[] | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  /** The payload with the reference at each of `paths` replaced by its row. Only there: any other `$ref` is the caller's own JSON. */
  async fillIn(payload: unknown, paths: readonly string[]): Promise<unknown> {
    if (paths.length === 0) return payload;
    const rows = new Map<string, Promise<unknown>>();
    replaceAt(payload, paths, (value, path) => {
      const ref = refOf(value);
      if (ref !== undefined) rows.set(JSON.stringify(path), this.row(ref.entity, ref.id));
      return value;
    });
    const fetched = new Map<string, unknown>();
    await Promise.all([...rows].map(async ([path, fetching]) => fetched.set(path, await fetching)));
    return replaceAt(payload, paths, (value, path) => fetched.get(JSON.stringify(path)) ?? value);
  }

  private async row(entity: string, id: EntityId): Promise<unknown> {
    const [source, metadata] = this.sourceOf(entity);
    // Of an object only the primary key, and all of it: a part of one, or another column, finds just any row.
    const where = typeof id === 'object' ? metadata.getEntityIdMap(id) : metadata.ensureEntityIdMap(id);
    const row = where === undefined ? null : await source.manager.findOne(metadata.target, { where });
    if (row === null) throw new EntityGoneError(entity, id);
    return row;
  }

  private sourceOf(entity: string): [DataSource, DataSource['entityMetadatas'][number]] {
    const known = this.sources().flatMap((source) =>
      source.entityMetadatas
        .filter((it) => it.name === entity)
        .map((metadata): [DataSource, typeof metadata] => [source, metadata]),
    );
    const [only, ...others] = known;
    if (only === undefined)
      throw new DefinitionError(
        `No DataSource of this app knows the entity ${entity}. Add it to the entities of TypeOrmModule.forRoot(…) in the worker too.`,
      );
    if (others.length > 0)
      throw new DefinitionError(
        `${String(known.length)} DataSources of this app have an entity named ${entity}; entityRef cannot tell which is meant. Pass the id instead.`,
      );
    return only;
  }

  // Found at first use: by then every DataSource of the app is connected.
  private sources(): readonly DataSource[] {
    this.found ??= [
      ...new Set(
        this.discovery
          .getProviders()
          .map((it): unknown => (it.isDependencyTreeStatic() ? it.instance : undefined))
          .filter(isDataSource),
      ),
    ];
    return this.found;
  }
}

// By shape, because the app may have a second copy of TypeORM.
function isDataSource(value: unknown): value is DataSource {
  return (
    typeof value === 'object' &&
    value !== null &&
    'entityMetadatas' in value &&
    Array.isArray(value.entityMetadatas) &&
    'manager' in value
  );
}
