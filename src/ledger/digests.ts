import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../postgres/index.js';
import { afterInterval } from './digest-note.js';
import type { FailureKind } from './failed-task-row.js';
import type { ErrorJson } from './task-row.js';

/** A digest that is due: something the admins have not been told of yet. */
export interface DueDigest {
  /** Of the failures; for other matters `kind:key`. */
  readonly fingerprint: string;
  /** `failure`, or the kind of the matter. */
  readonly kind: string;
  readonly title: string | null;
  readonly advice: string | null;
  /** Where the link leads, from PUBLIC_URL on. */
  readonly path: string | null;
  readonly since: Date;
  /** How often the matter was raised. Failures are counted from their rows instead. */
  readonly raised: number;
  /** How many of them the mails so far have told of. */
  readonly counted: number;
  /** Mails sent so far; the number of the next one is one more. */
  readonly mails: number;
}

/** How many failures of a fingerprint there are, and the newest of them. */
export interface FailureFacts {
  readonly total: number;
  readonly firstAt: Date;
  readonly seq: string;
  readonly failedTask: string;
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  readonly kind: FailureKind;
  readonly failedAt: Date;
  readonly error: ErrorJson | null;
  readonly attempts: number;
}

/** How much may still be sent. */
export interface MailRoom {
  /** Mails within the window, plus those that some process is sending now. */
  readonly taken: number;
  /** Ms until the oldest mail of the window leaves it. */
  readonly freeInMs: number | null;
  /** Ms until the last summary leaves the window. */
  readonly summaryFreeInMs: number | null;
  readonly summaries: number;
}

/** A matter that is no failure: see `Attention`. */
export interface Matter {
  readonly fingerprint: string;
  readonly kind: string;
  readonly title: string;
  readonly advice: string;
  readonly path: string;
}

/** What a sent mail has told: the digest, and how far it counted. */
export interface Told {
  readonly fingerprint: string;
  readonly kind: string;
  readonly mails: number;
  readonly total: number;
  readonly seq: string | null;
}

/** What the admins have been told of, and when they hear more. One row per cause. */
@Injectable()
export class Digests {
  constructor(private readonly postgres: Postgres) {}

  /** Something else that the admins should know. Raised again after a quarter of an hour of silence, it is told at once. */
  async raise(matter: Matter, intervalsMs: readonly number[]): Promise<void> {
    await this.postgres.query({ text: RAISE }, [
      matter.fingerprint,
      matter.kind,
      matter.title,
      matter.advice,
      matter.path,
      intervalsMs,
    ]);
  }

  /** Lets one process at a time choose what to send until its transaction ends; answers how much may be sent. */
  async lockRoom(manager: EntityManager, windowMs: number): Promise<MailRoom> {
    await this.postgres.queryIn(manager, LOCK_GATE);
    const [room] = await this.postgres.queryIn<MailRoom>(manager, ROOM, [windowMs]);
    if (room === undefined) throw new Error('unreachable: an aggregate answers one row');
    return room;
  }

  /** Locks up to `limit` digests that have been due for at least `sinceMs` and that nobody is sending. */
  async lockDue(manager: EntityManager, limit: number, sinceMs = 0): Promise<DueDigest[]> {
    return this.postgres.queryIn<DueDigest>(manager, LOCK_DUE, [limit, sinceMs]);
  }

  /** Null when no failure of this fingerprint is on record any more. */
  async factsOf(manager: EntityManager, fingerprint: string): Promise<FailureFacts | null> {
    const [facts] = await this.postgres.queryIn<FailureFacts>(manager, FACTS, [fingerprint]);
    return facts ?? null;
  }

  /** Nothing new to tell: silent until somebody notes the fingerprint again. */
  async silence(manager: EntityManager, fingerprint: string): Promise<void> {
    await this.postgres.queryIn(manager, SILENCE, [fingerprint]);
  }

  /** This process is about to send mails about these. */
  async claim(manager: EntityManager, fingerprints: readonly string[], processId: string): Promise<void> {
    await this.postgres.queryIn(manager, CLAIM, [fingerprints, processId]);
  }

  /** The mail was taken. Once per mail: a claim that somebody took over meanwhile marks nothing twice. */
  async noteMailed(
    processId: string,
    told: readonly Told[],
    mail: { messageId: string; kind: string },
    intervalsMs: (kind: string) => readonly number[],
  ): Promise<void> {
    await this.postgres.transaction(async (manager) => {
      for (const each of told) {
        await this.postgres.queryIn(manager, MAILED, [
          each.fingerprint,
          processId,
          each.mails,
          each.total,
          each.seq,
          intervalsMs(each.kind),
        ]);
      }
      await this.postgres.queryIn(manager, NOTE_MAIL, [mail.messageId, mail.kind]);
      if (mail.kind === 'summary') await this.postgres.queryIn(manager, COUNT_SUMMARY);
    });
  }

  /** The mail was not taken: due again, the later the more often it was refused (1 s, 2 s, 4 s … a minute). */
  async putOff(fingerprints: readonly string[], processId: string): Promise<void> {
    await this.postgres.query({ text: PUT_OFF }, [fingerprints, processId]);
  }

  /** Ms until a digest is due that nobody is sending, or until a claim may be taken over; null when there is none. */
  async nextDueInMs(): Promise<number | null> {
    const [row] = await this.postgres.query<{ ms: number | null }>({ text: NEXT });
    return row?.ms ?? null;
  }
}

// A mail takes 20 s at most; a process that is alive and still holds a claim after ten minutes has lost it.
const CLAIMABLE = `(d.claimed_by IS NULL OR d.claimed_at < now() - interval '10 minutes' OR NOT EXISTS (
  SELECT 1 FROM shiftwork.process o WHERE o.id = d.claimed_by AND o.gone_at IS NULL AND o.left_at IS NULL))`;

// Several processes may raise the same matter in the same moment: that is once.
const ONCE = `(d.raised_at > now() - interval '30 seconds')`;
const ANEW = `(d.raised_at < now() - interval '15 minutes')`;
const RAISE = `
  INSERT INTO shiftwork.digest AS d (fingerprint, kind, title, advice, path, raised, raised_at, since, due_at)
  VALUES ($1, $2, $3, $4, $5, 1, now(), now(), now())
  ON CONFLICT (fingerprint) DO UPDATE
     SET title = $3, advice = $4, path = $5, raised = d.raised + CASE WHEN ${ONCE} THEN 0 ELSE 1 END, raised_at = now(),
         since = CASE WHEN ${ANEW} THEN now() ELSE d.since END,
         step = CASE WHEN ${ANEW} THEN 0 ELSE d.step END,
         due_at = CASE WHEN d.claimed_by IS NOT NULL OR ${ONCE} THEN d.due_at WHEN ${ANEW} THEN now()
                       ELSE coalesce(d.due_at, greatest(now(), d.mailed_at + ${afterInterval('$6', 'd.step')})) END`;

const LOCK_GATE = `SELECT 1 AS one FROM shiftwork.digest WHERE fingerprint = 'summary' FOR UPDATE`;

const MS = (until: string): string => `(extract(epoch FROM ${until} - now()) * 1000)::float8`;
const WINDOW = `$1::float8 * interval '1 millisecond'`;
const ROOM = `
  SELECT (SELECT count(*)::int FROM shiftwork.digest_mail WHERE kind <> 'summary' AND sent_at > now() - ${WINDOW})
       + (SELECT count(*)::int FROM shiftwork.digest d WHERE d.due_at IS NOT NULL AND NOT ${CLAIMABLE}) AS taken,
         (SELECT ${MS(`min(sent_at) + ${WINDOW}`)} FROM shiftwork.digest_mail WHERE kind <> 'summary' AND sent_at > now() - ${WINDOW}) AS "freeInMs",
         (SELECT ${MS(`max(sent_at) + ${WINDOW}`)} FROM shiftwork.digest_mail WHERE kind = 'summary' AND sent_at > now() - ${WINDOW}) AS "summaryFreeInMs",
         (SELECT mails FROM shiftwork.digest WHERE fingerprint = 'summary') AS summaries`;

const LOCK_DUE = `
  SELECT d.fingerprint, d.kind, d.title, d.advice, d.path, d.since, d.raised::int, d.counted::int, d.mails
    FROM shiftwork.digest d
   WHERE d.due_at <= now() - $2::float8 * interval '1 millisecond' AND ${CLAIMABLE}
   ORDER BY d.due_at, d.fingerprint LIMIT $1 FOR UPDATE SKIP LOCKED`;

const FACTS = `
  SELECT c.total, c.first_at AS "firstAt", f.seq, f.id AS "failedTask", f.task, f.job, f.queue, f.kind, f.failed_at AS "failedAt",
         e.error, e.attempts_made AS attempts
    FROM (SELECT count(*)::int AS total, min(failed_at) AS first_at, max(seq) AS seq
            FROM shiftwork.failed_task WHERE fingerprint = $1) c
    JOIN shiftwork.failed_task f ON f.fingerprint = $1 AND f.seq = c.seq
    JOIN shiftwork.ended e ON e.id = f.task`;

const SILENCE = 'UPDATE shiftwork.digest SET due_at = NULL WHERE fingerprint = $1';
const CLAIM =
  'UPDATE shiftwork.digest SET claimed_by = $2, claimed_at = now() WHERE fingerprint = ANY($1::text[])';

const MAILED = `
  UPDATE shiftwork.digest d
     SET counted = $4, mailed_seq = coalesce($5, d.mailed_seq), mails = d.mails + 1, step = d.step + 1, refusals = 0,
         mailed_at = now(), due_at = now() + ${afterInterval('$6', 'd.step + 1')}, claimed_by = NULL, claimed_at = NULL
   WHERE d.fingerprint = $1 AND d.claimed_by = $2 AND d.mails = $3`;
const NOTE_MAIL =
  'INSERT INTO shiftwork.digest_mail (message_id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING';
const COUNT_SUMMARY = `UPDATE shiftwork.digest SET mails = mails + 1 WHERE fingerprint = 'summary'`;

const PUT_OFF = `
  UPDATE shiftwork.digest
     SET claimed_by = NULL, claimed_at = NULL, refusals = refusals + 1,
         due_at = now() + least(60, power(2, least(refusals, 20))) * interval '1 second'
   WHERE fingerprint = ANY($1::text[]) AND claimed_by = $2`;

const NEXT = `
  SELECT ${MS(`min(CASE WHEN ${CLAIMABLE} THEN d.due_at ELSE d.claimed_at + interval '10 minutes' END)`)} AS ms
    FROM shiftwork.digest d WHERE d.due_at IS NOT NULL`;
