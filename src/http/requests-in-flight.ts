import { Injectable } from '@nestjs/common';

/** The requests that are being answered; a shutdown lets them finish. */
@Injectable()
export class RequestsInFlight {
  private readonly requests = new Set<object>();
  private waiters: { readonly left: Set<object>; readonly wake: () => void }[] = [];
  /** Set while quiet: those that were there when it began. A busy router must not hold up the end for ever. */
  private awaited: Set<object> | null = null;

  enter(request: object): void {
    this.requests.add(request);
  }

  leave(request: object): void {
    if (!this.requests.delete(request)) return;
    this.awaited?.delete(request);
    if (this.waiters.length > 0) this.tellWaiters(request);
  }

  /** From now on only the requests that are there now count. */
  beginQuiet(): void {
    this.awaited ??= new Set(this.requests);
  }

  endQuiet(): void {
    this.awaited = null;
  }

  get count(): number {
    return (this.awaited ?? this.requests).size;
  }

  /** Resolves when the requests that count now have been answered. */
  async untilAnswered(): Promise<void> {
    const left = new Set(this.awaited ?? this.requests);
    if (left.size === 0) return;
    await new Promise<void>((wake) => this.waiters.push({ left, wake }));
  }

  private tellWaiters(request: object): void {
    for (const { left } of this.waiters) left.delete(request);
    const done = this.waiters.filter(({ left }) => left.size === 0);
    this.waiters = this.waiters.filter(({ left }) => left.size > 0);
    for (const { wake } of done) wake();
  }
}
