import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { SETTINGS, type Settings } from '../config/index.js';
import { Digests, type DueDigest, type MailRoom, type Told } from '../ledger/index.js';
import type { Message } from '../mail/index.js';
import { Postgres } from '../postgres/index.js';
import { DIGEST_POLICY, type DigestPolicy } from './digest-policy.js';
import { attentionMail, failureMail, type MailText, type SummaryLine, summaryMail } from './mail-text.js';

/** A mail that this process has claimed, written out. */
export interface ChosenMail {
  readonly kind: string;
  readonly processId: string;
  readonly told: readonly Told[];
  readonly message: Omit<Message, 'to'>;
}

export type Choice =
  | { readonly kind: 'mail'; readonly mail: ChosenMail }
  | { readonly kind: 'nothing'; readonly waitMs: number | null };

/** A due digest with what there is to tell. */
interface News {
  readonly digest: DueDigest;
  readonly told: Told;
  readonly fresh: number;
  readonly text: MailText;
  readonly link: string;
}

/** One summary names at most this many causes; what is left comes with the next. */
const SUMMARY_CAUSES = 200;

/**
 * Chooses the next mail: the digest that has been due longest, or, once the cap of the hour is reached, one summary of
 * all that are due. It is written while its digest is locked, so its counts are exact: whatever is noted later is counted
 * by the next mail.
 */
@Injectable()
export class ChooseMail {
  constructor(
    private readonly postgres: Postgres,
    private readonly digests: Digests,
    @Inject(DIGEST_POLICY) private readonly policy: DigestPolicy,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Claims it for this process; or says in how many ms there may be one (null: not unless somebody notes something). */
  async next(processId: string): Promise<Choice> {
    return this.postgres.transaction(async (manager) => {
      const room = await this.digests.lockRoom(manager, this.policy.capWindowMs);
      if (room.taken < this.settings.mailCapPerHour) return this.nextSingle(manager, processId, room);
      return this.nextSummary(manager, processId, room);
    });
  }

  private async nextSingle(manager: EntityManager, processId: string, room: MailRoom): Promise<Choice> {
    for (;;) {
      const [digest] = await this.digests.lockDue(manager, 1);
      if (digest === undefined) return this.nothing(await this.digests.nextDueInMs(), room);
      const news = await this.newsOf(manager, digest);
      if (news === null) continue; // silent now
      await this.digests.claim(manager, [digest.fingerprint], processId);
      return {
        kind: 'mail',
        mail: { kind: digest.kind, processId, told: [news.told], message: this.message(news) },
      };
    }
  }

  private async nextSummary(manager: EntityManager, processId: string, room: MailRoom): Promise<Choice> {
    if (room.summaryFreeInMs !== null)
      return this.nothing(Math.min(room.summaryFreeInMs, room.freeInMs ?? Infinity), room);
    // They gather for a moment, so that one summary speaks for the whole flood.
    const [waited] = await this.digests.lockDue(manager, 1, this.policy.summaryDelayMs);
    if (waited === undefined) return this.nothing(this.policy.summaryDelayMs, room);
    const due = await this.digests.lockDue(manager, SUMMARY_CAUSES);
    const news: News[] = [];
    for (const digest of due) {
      const one = await this.newsOf(manager, digest);
      if (one !== null) news.push(one);
    }
    if (news.length === 0) return this.nothing(0, room);
    await this.digests.claim(
      manager,
      news.map((each) => each.digest.fingerprint),
      processId,
    );
    const lines = news.map((each): SummaryLine => ({
      title: each.text.subject,
      fresh: each.fresh,
      link: each.link,
    }));
    const text = summaryMail(
      this.settings.appName,
      `${this.settings.publicUrl}/admin/failed-tasks`,
      this.settings.mailCapPerHour,
      lines,
    );
    const messageId = this.messageId('summary', room.summaries + 1);
    return {
      kind: 'mail',
      mail: {
        kind: 'summary',
        processId,
        told: news.map((each) => each.told),
        message: { ...text, messageId },
      },
    };
  }

  private nothing(waitMs: number | null, room: MailRoom): Choice {
    // Nothing to send in this hour before a mail of it is an hour old.
    const freeInMs = room.taken >= this.settings.mailCapPerHour ? room.freeInMs : null;
    return { kind: 'nothing', waitMs: freeInMs === null ? waitMs : Math.min(waitMs ?? Infinity, freeInMs) };
  }

  /** What there is to tell; null, and silent from now on, if everything has been told. */
  private async newsOf(manager: EntityManager, digest: DueDigest): Promise<News | null> {
    const news =
      digest.kind === 'failure' ? await this.failureNews(manager, digest) : this.attentionNews(digest);
    if (news === null || news.fresh <= 0) {
      await this.digests.silence(manager, digest.fingerprint);
      return null;
    }
    return news;
  }

  private async failureNews(manager: EntityManager, digest: DueDigest): Promise<News | null> {
    const facts = await this.digests.factsOf(manager, digest.fingerprint);
    if (facts === null) return null; // dismissed and pruned
    const fresh = facts.total - digest.counted;
    const link = `${this.settings.publicUrl}/admin/failed-tasks/${facts.failedTask}`;
    const text = failureMail({
      ...facts,
      error: facts.error ?? NO_ERROR,
      appName: this.settings.appName,
      link,
      fresh,
    });
    return {
      digest,
      link,
      fresh,
      text,
      told: {
        fingerprint: digest.fingerprint,
        kind: digest.kind,
        mails: digest.mails,
        total: facts.total,
        seq: facts.seq,
      },
    };
  }

  private attentionNews(digest: DueDigest): News {
    const link = `${this.settings.publicUrl}${digest.path ?? '/admin'}`;
    const text = attentionMail({
      appName: this.settings.appName,
      link,
      title: digest.title ?? digest.fingerprint,
      advice: digest.advice ?? '',
      since: digest.since,
    });
    return {
      digest,
      link,
      text,
      fresh: digest.raised - digest.counted,
      told: {
        fingerprint: digest.fingerprint,
        kind: digest.kind,
        mails: digest.mails,
        total: digest.raised,
        seq: null,
      },
    };
  }

  private message({ digest, text }: News): Omit<Message, 'to'> {
    const messageId = this.messageId(digest.fingerprint, digest.mails + 1);
    return digest.mails === 0
      ? { ...text, messageId }
      : { ...text, messageId, inReplyTo: this.messageId(digest.fingerprint, 1) };
  }

  // The same for the same mail, however often it must be sent: mailboxes drop the second one.
  private messageId(fingerprint: string, number: number): string {
    return `${fingerprint.replaceAll(/[^a-zA-Z0-9_-]/g, '-')}.${String(number)}@${this.settings.appName}`;
  }
}

const NO_ERROR = { name: 'Error', message: 'no error was recorded', stack: null };
