import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Role, type Settings } from '../config/index.js';
import { newId } from '../foundation/index.js';

/**
 * Who we are. The id is an identity, not a name for the operating system's process: a process that others may have
 * presumed dead takes a new one, so that nothing it claimed before can be mistaken for its present work.
 */
@Injectable()
export class ThisProcess {
  private current = newId();
  private readonly listeners = new Set<(id: string, oldId: string) => void>();
  readonly roles: readonly Role[];
  readonly release: string;
  readonly host = hostname();
  readonly pid = process.pid;
  readonly bootedAt = new Date();

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.roles = settings.roles;
    this.release = settings.release;
  }

  /** The current identity, a UUIDv7. */
  get id(): string {
    return this.current;
  }

  /** Goes on under another id, which the ledger must know already. Claims minted before stay with the old one. */
  become(id: string): void {
    const oldId = this.current;
    this.current = id;
    for (const listener of this.listeners) listener(id, oldId);
  }

  /** Calls `listener` whenever the id has changed. Answers the way to stop. */
  onNewIdentity(listener: (id: string, oldId: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
