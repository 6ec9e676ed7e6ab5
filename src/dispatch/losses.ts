import { Injectable } from '@nestjs/common';

/**
 * Where it is reported that Redis has lost something: a queue without its marker (seen by a put, a fetch or the heartbeat), or a
 * single entry. Whoever can repair it from the ledger listens.
 */
@Injectable()
export class Losses {
  private readonly queueListeners = new Set<(queue: string) => void>();
  private readonly entryListeners = new Set<(id: string) => void>();

  /** The queue's marker is missing. May be told any number of times. */
  queueWiped(queue: string): void {
    for (const listener of this.queueListeners) listener(queue);
  }

  /** A task that waits has no entry. */
  entryLost(id: string): void {
    for (const listener of this.entryListeners) listener(id);
  }

  onQueueWiped(listener: (queue: string) => void): () => void {
    this.queueListeners.add(listener);
    return () => this.queueListeners.delete(listener);
  }

  onEntryLost(listener: (id: string) => void): () => void {
    this.entryListeners.add(listener);
    return () => this.entryListeners.delete(listener);
  }
}
