import type { ScheduleDefinition, ScheduleRow } from '../ledger/index.js';
import { declarationText } from './schedule-rule.js';

/** What has to be done so that the ledger says what the code says. `declaration` is the text to remember. */
export type DeclarationStep =
  | {
      readonly kind: 'put';
      readonly change: 'created' | 'changed' | 'enabled';
      readonly definition: ScheduleDefinition;
      readonly declaration: string;
    }
  /** A person changed the schedule since: it stays as it is. */
  | { readonly kind: 'ignore'; readonly name: string; readonly declaration: string }
  /** The code declares it no more: it is disabled. */
  | { readonly kind: 'disable'; readonly name: string }
  /** Nothing but the memory of the declaration changes. */
  | { readonly kind: 'forget'; readonly name: string };

/**
 * Pure: declarations against rows. A changed declaration changes its row, unless a person put the schedule by REST; whether it
 * is enabled stays as people left it, unless the declaration says something new about that. A removed one is disabled.
 */
export function planDeclarations(
  declared: readonly ScheduleDefinition[],
  rows: readonly ScheduleRow[],
): DeclarationStep[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const names = new Set(declared.map((definition) => definition.name));
  const gone = rows.filter((row) => row.declaration !== null && !names.has(row.name));
  return [
    ...declared.flatMap((definition) => stepFor(definition, byName.get(definition.name))),
    ...gone.map(stepForGone),
  ];
}

function stepFor(definition: ScheduleDefinition, row: ScheduleRow | undefined): DeclarationStep[] {
  const declaration = declarationText(definition);
  if (row === undefined) return [{ kind: 'put', change: 'created', definition, declaration }];
  if (row.declaration === declaration) return [];
  if (row.deletedAt !== null) return [{ kind: 'put', change: 'created', definition, declaration }];
  if (row.source === 'api') return [{ kind: 'ignore', name: row.name, declaration }];
  const enabled = enabledNow(definition, row);
  return [
    {
      kind: 'put',
      change: enabled && !row.enabled ? 'enabled' : 'changed',
      definition: { ...definition, enabled },
      declaration,
    },
  ];
}

function enabledNow(definition: ScheduleDefinition, row: ScheduleRow): boolean {
  if (row.disabledBy === 'code') return definition.enabled;
  if (row.declaration === null) return row.enabled && definition.enabled; // what people left, while no release declared it
  return declaredEnabled(row.declaration) === definition.enabled ? row.enabled : definition.enabled;
}

function declaredEnabled(declaration: string | null): boolean | undefined {
  if (declaration === null) return undefined;
  return (JSON.parse(declaration) as Partial<ScheduleDefinition>).enabled; // written by declarationText
}

function stepForGone(row: ScheduleRow): DeclarationStep {
  const isOurs = row.source === 'code' && row.deletedAt === null && row.enabled;
  return isOurs ? { kind: 'disable', name: row.name } : { kind: 'forget', name: row.name };
}
