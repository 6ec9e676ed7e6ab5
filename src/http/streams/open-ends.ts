import { Injectable } from '@nestjs/common';

/** When something that stays open has to end: as soon as this process goes quiet, or only when it goes for good. */
export type EndsAt = 'quiet' | 'stop';

/** Whatever may stay open for long: streams, long polls, a waiting drain. */
@Injectable()
export class OpenEnds {
  private readonly ends = { quiet: new Set<() => void>(), stop: new Set<() => void>() };
  private readonly ended = new Set<EndsAt>();

  /** `end` is called once, when the moment comes; at once if it has. Answers the way to take it back. */
  add(end: () => void, at: EndsAt = 'quiet'): () => void {
    if (this.ended.has(at)) end();
    else this.ends[at].add(end);
    return () => this.ends[at].delete(end);
  }

  end(at: EndsAt): void {
    this.ended.add(at);
    const ends = [...this.ends[at]];
    this.ends[at].clear();
    for (const end of ends) end();
  }

  /** Something may stay open again. */
  reopen(): void {
    this.ended.clear();
  }
}
