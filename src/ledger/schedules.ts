import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { JsonValue } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';

/** What somebody wants of a schedule: a declaration in the code, or a PUT. Exactly one of cron, everyMs and at is set. */
export interface ScheduleDefinition {
  readonly name: string;
  /** `task`: a tick enqueues a task. `method`: a method of @nestjs/schedule; only shown, run by its clock process itself. */
  readonly kind: 'task' | 'method';
  readonly job: string;
  readonly payload: JsonValue;
  /** Options of the enqueued task, as `Tasks.enqueue` takes them. */
  readonly options: Readonly<Record<string, JsonValue>>;
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly at: Date | null;
  readonly timeZone: string;
  readonly misfire: 'skip' | 'once' | 'all';
  readonly misfireLimit: number;
  readonly misfireGraceMs: number;
  readonly overlap: 'allow' | 'skip';
  readonly enabled: boolean;
}

export type ScheduleSource = 'code' | 'api';
/** Why a schedule is not enabled: a person paused it, or the code declares it so, or no more. */
export type DisabledBy = 'person' | 'code';

export interface ScheduleRow extends ScheduleDefinition {
  readonly source: ScheduleSource;
  readonly disabledBy: DisabledBy | null;
  readonly disabledAt: Date | null;
  /** The declaration that the last boot saw, as text; null when the code declares none. */
  readonly declaration: string | null;
  /** Deleted by a person though the code still declares it: kept, so that the next boot does not bring it back. */
  readonly deletedAt: Date | null;
  /** Another one after each change of the definition; never used twice. */
  readonly version: string;
  /** Nothing before it is due; intervals count from it. */
  readonly anchorAt: Date;
  readonly lastDueAt: Date | null;
}

/** Rows, and the database's time when it read them. */
export interface ScheduleLook {
  readonly now: Date;
  readonly rows: readonly ScheduleRow[];
}

/** Somebody believes that everything up to `dueAt` is due, and saw the schedule at `version`, last due at `seenAt`. */
export interface TickClaim {
  readonly name: string;
  readonly version: string;
  readonly seenAt: Date | null;
  readonly dueAt: Date;
}

/** The table of schedules. Every change gives a row another version, by which a clock that missed it is refused. */
@Injectable()
export class ScheduleRecords {
  constructor(private readonly postgres: Postgres) {}

  /** Everything a clock has to know. */
  async enabled(): Promise<ScheduleLook> {
    return this.look(undefined, 'enabled', []);
  }

  /** These, as they are now; one that is missing in the answer is gone or disabled. */
  async enabledOf(names: readonly string[]): Promise<ScheduleLook> {
    return this.look(undefined, 'enabled AND name = ANY($1::text[])', [names]);
  }

  /** By name, at most `limit`, after the given one. Deleted ones are left out. */
  async page(limit: number, afterName: string | null): Promise<ScheduleLook> {
    return this.look(
      undefined,
      'deleted_at IS NULL AND ($2::text IS NULL OR name > $2) ORDER BY name LIMIT $1',
      [limit, afterName],
    );
  }

  /** The schedule, and the database's time. */
  async find(name: string): Promise<{ readonly now: Date; readonly row: ScheduleRow | null }> {
    const { now, rows } = await this.look(undefined, 'deleted_at IS NULL AND name = $1', [name]);
    return { now, row: rows[0] ?? null };
  }

  /** The same, locked until the transaction ends. */
  async lock(
    manager: EntityManager,
    name: string,
  ): Promise<{ readonly now: Date; readonly row: ScheduleRow } | null> {
    const text = `SELECT clock_timestamp() AS now, ${COLUMNS} FROM shiftwork.schedule WHERE deleted_at IS NULL AND name = $1 FOR UPDATE`;
    const { now, rows } = lookOf(await this.postgres.queryIn<Looked>(manager, text, [name]));
    const [row] = rows;
    return row === undefined ? null : { now, row };
  }

  /** Whether any schedule would make a task some day. */
  async anyEnabled(): Promise<boolean> {
    const [row] = await this.postgres.query<{ any: boolean }>({
      text: 'SELECT EXISTS (SELECT 1 FROM shiftwork.schedule WHERE enabled) AS any',
    });
    return row?.any ?? false;
  }

  /** The database's time, and an `edition` that is another one after each change: how a clock notices that it missed one. */
  async glance(): Promise<{ now: Date; edition: string }> {
    const [row] = await this.postgres.query<{ now: Date; edition: string }>({
      text: `SELECT clock_timestamp() AS now, count(*) || '/' || coalesce(max(version), 0) AS edition FROM shiftwork.schedule`,
    });
    return row ?? { now: new Date(), edition: '' };
  }

  /**
   * Writes a definition. A changed rule, or one that was not enabled, begins anew: nothing before now is due. The answer
   * says whether the schedule is a new one to the people who read the list.
   */
  async put(
    definition: ScheduleDefinition,
    by: { source: ScheduleSource; declaration?: string | null },
    manager?: EntityManager,
  ): Promise<{ row: ScheduleRow; isNew: boolean }> {
    const [row] = await this.postgres.queryIn<ScheduleRow & { isNew: boolean }>(manager, PUT, [
      definition.name,
      definition.kind,
      definition.job,
      JSON.stringify(definition.payload),
      JSON.stringify(definition.options),
      definition.cron,
      definition.everyMs,
      definition.at,
      definition.timeZone,
      definition.misfire,
      definition.misfireLimit,
      definition.misfireGraceMs,
      definition.overlap,
      definition.enabled,
      by.source,
      by.declaration ?? null,
      by.declaration !== undefined,
    ]);
    if (row === undefined) throw new Error('unreachable: an upsert answers its row');
    const { isNew, ...rest } = row;
    return { row: rest, isNew };
  }

  /** Pauses or resumes; null when there is no such schedule. Resumed, it begins anew: nothing before now is due. */
  async setEnabled(
    name: string,
    enabled: boolean,
    by: DisabledBy,
    manager?: EntityManager,
  ): Promise<ScheduleRow | null> {
    const [row] = await this.postgres.queryIn<ScheduleRow & object>(
      manager,
      `UPDATE shiftwork.schedule SET
          disabled_by = CASE WHEN $2 THEN NULL WHEN enabled THEN $3 ELSE disabled_by END,
          disabled_at = CASE WHEN $2 THEN NULL WHEN enabled THEN now() ELSE disabled_at END,
          last_due_at = CASE WHEN $2 AND NOT enabled THEN greatest(last_due_at, date_trunc('milliseconds', now())) ELSE last_due_at END,
          enabled = $2, version = nextval('shiftwork.schedule_version'), updated_at = now()
        WHERE name = $1 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
      [name, enabled, by],
    );
    return row ?? null;
  }

  /**
   * Deletes the schedule and its ticks. One that the code declares stays as a hidden row, or the next boot would bring it
   * back. False when there is none.
   */
  async delete(name: string): Promise<boolean> {
    const rows = await this.postgres.query<{ name: string }>(
      {
        text: `WITH
        hidden AS (UPDATE shiftwork.schedule SET deleted_at = now(), enabled = false, version = nextval('shiftwork.schedule_version'), updated_at = now()
                    WHERE name = $1 AND deleted_at IS NULL AND declaration IS NOT NULL RETURNING name),
        removed AS (DELETE FROM shiftwork.schedule WHERE name = $1 AND deleted_at IS NULL AND declaration IS NULL RETURNING name),
        ticks AS (DELETE FROM shiftwork.schedule_tick WHERE schedule IN (SELECT name FROM hidden))
        SELECT name FROM hidden UNION ALL SELECT name FROM removed`,
      },
      [name],
    );
    return rows.length > 0;
  }

  /** Everything the code once declared, or does; one boot at a time: the lock lasts until the transaction ends. */
  async lockDeclared(manager: EntityManager): Promise<readonly ScheduleRow[]> {
    await this.postgres.queryIn(manager, `SELECT pg_advisory_xact_lock(hashtext($1))`, [
      `${this.postgres.schema}.schedules`,
    ]);
    return (await this.look(manager, 'true ORDER BY name', [])).rows;
  }

  /** Notes what the code declares now (null: nothing), and changes nothing else. */
  async noteDeclaration(manager: EntityManager, name: string, declaration: string | null): Promise<void> {
    await this.postgres.queryIn(manager, 'UPDATE shiftwork.schedule SET declaration = $2 WHERE name = $1', [
      name,
      declaration,
    ]);
  }

  /**
   * The right to record ticks: a compare-and-set on what was seen, against the database's own time. The winners' rows stay
   * locked until the transaction ends. Whoever is not among them has been overtaken, or is too early: look again.
   */
  async claim(
    manager: EntityManager,
    claims: readonly TickClaim[],
  ): Promise<{ now: Date; won: ReadonlySet<string> }> {
    const rows = await this.postgres.queryIn<{ now: Date; name: string | null }>(manager, CLAIM, [
      claims.map((claim) => claim.name),
      claims.map((claim) => claim.version),
      claims.map((claim) => claim.dueAt.toISOString()),
      claims.map((claim) => claim.seenAt?.toISOString() ?? null),
    ]);
    const won = rows.flatMap((row) => row.name ?? []);
    return { now: rows[0]?.now ?? new Date(), won: new Set(won) };
  }

  /** Notes the task of a run by hand, for the overlap policy. */
  async noteRun(manager: EntityManager, name: string, taskId: string): Promise<void> {
    await this.postgres.queryIn(manager, 'UPDATE shiftwork.schedule SET last_run_task = $2 WHERE name = $1', [
      name,
      taskId,
    ]);
  }

  /** Those of these schedules that have a task under way. */
  async busy(manager: EntityManager, names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const rows = await this.postgres.queryIn<{ name: string }>(manager, BUSY, [names]);
    return new Set(rows.map((row) => row.name));
  }

  // An outer join, so that the time is answered when there is no row.
  private async look(
    manager: EntityManager | undefined,
    where: string,
    values: readonly unknown[],
  ): Promise<ScheduleLook> {
    const text = `SELECT t.now, s.* FROM (SELECT clock_timestamp() AS now) t
      LEFT JOIN LATERAL (SELECT ${COLUMNS} FROM shiftwork.schedule WHERE ${where}) s ON true`;
    return lookOf(await this.postgres.queryIn<Looked>(manager, text, values));
  }
}

type Looked = ScheduleRow & { readonly now: Date };

function lookOf(found: readonly Looked[]): ScheduleLook {
  const isRow = (row: Looked): boolean => (row.name as string | null) !== null; // no partner in the outer join
  return { now: found[0]?.now ?? new Date(), rows: found.filter(isRow).map(({ now: _, ...row }) => row) };
}

const COLUMNS = `name, kind, job, payload, options, cron, every_ms::float8 AS "everyMs", at, time_zone AS "timeZone", misfire,
  misfire_limit AS "misfireLimit", misfire_grace_ms::float8 AS "misfireGraceMs", overlap, enabled, source, disabled_by AS "disabledBy",
  disabled_at AS "disabledAt", declaration, deleted_at AS "deletedAt", version::text AS version, anchor_at AS "anchorAt", last_due_at AS "lastDueAt"`;

const SAME_RULE = `s.deleted_at IS NULL
  AND (s.cron, s.every_ms, s.at, s.time_zone) IS NOT DISTINCT FROM (excluded.cron, excluded.every_ms, excluded.at, excluded.time_zone)`;

const PUT = `WITH old AS (SELECT 1 FROM shiftwork.schedule WHERE name = $1 AND deleted_at IS NULL)
  INSERT INTO shiftwork.schedule AS s (name, kind, job, payload, options, cron, every_ms, at, time_zone, misfire, misfire_limit, misfire_grace_ms,
      overlap, enabled, disabled_by, disabled_at, source, declaration)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $14 THEN NULL WHEN $15 = 'code' THEN 'code' ELSE 'person' END, CASE WHEN $14 THEN NULL ELSE now() END, $15, $16)
  ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind, job = excluded.job, payload = excluded.payload, options = excluded.options, cron = excluded.cron, every_ms = excluded.every_ms,
    at = excluded.at, time_zone = excluded.time_zone, misfire = excluded.misfire, misfire_limit = excluded.misfire_limit,
    misfire_grace_ms = excluded.misfire_grace_ms, overlap = excluded.overlap, enabled = excluded.enabled,
    disabled_by = CASE WHEN NOT excluded.enabled THEN coalesce(s.disabled_by, excluded.disabled_by) END,
    disabled_at = CASE WHEN NOT excluded.enabled THEN coalesce(s.disabled_at, now()) END,
    source = excluded.source, declaration = CASE WHEN $17 THEN excluded.declaration ELSE s.declaration END, deleted_at = NULL,
    anchor_at = CASE WHEN ${SAME_RULE} THEN s.anchor_at ELSE excluded.anchor_at END,
    last_due_at = CASE WHEN excluded.enabled AND NOT s.enabled THEN greatest(s.last_due_at, excluded.anchor_at) ELSE s.last_due_at END,
    version = excluded.version, updated_at = now()
  RETURNING ${COLUMNS}, NOT EXISTS (SELECT 1 FROM old) AS "isNew"`;

const CLAIM = `WITH
  claim AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS c(name, version, due, seen)),
  winner AS (
    SELECT s.name, c.due FROM shiftwork.schedule s JOIN claim c ON c.name = s.name
     WHERE s.version = c.version AND s.last_due_at IS NOT DISTINCT FROM c.seen AND s.enabled AND c.due <= clock_timestamp() + interval '1 second'
     ORDER BY s.name FOR UPDATE OF s),
  moved AS (
    UPDATE shiftwork.schedule s SET last_due_at = w.due FROM winner w WHERE s.name = w.name RETURNING s.name)
  SELECT t.now, moved.name FROM (SELECT clock_timestamp() AS now) t LEFT JOIN moved ON true`;

// The newest hundred tasks are enough: under `skip` there is one at most, and older ones only matter after `allow`. They are
// looked up one by one: asked the other way round, each of 100,000 waiting tasks would be held against the hundred.
const BUSY = `SELECT s.name FROM shiftwork.schedule s
  WHERE s.name = ANY($1::text[]) AND (
    EXISTS (SELECT 1 FROM shiftwork.live l WHERE l.id = s.last_run_task)
    OR EXISTS (
      SELECT 1 FROM (
        SELECT t.task_id FROM shiftwork.schedule_tick t WHERE t.schedule = s.name AND t.task_id IS NOT NULL ORDER BY t.due_at DESC LIMIT 100) mine
      JOIN shiftwork.live l ON l.id = mine.task_id))`;
