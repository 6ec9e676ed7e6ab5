import type { ProcessRecord } from '../process-record.js';

/** What the thread must know to live without the main thread. */
export interface ThreadOptions {
  readonly redisUrl: string;
  /** `off`: as the URL says; `accept`: TLS with any certificate; `verify`. */
  readonly redisTls: 'off' | 'accept' | 'verify';
  readonly databaseUrl: string;
  readonly databaseTls: 'off' | 'accept' | 'verify';
  readonly appName: string;
  readonly blockedLimitMs: number;
  /** Writes no notice of a blocked loop when 'silent'. */
  readonly logLevel: string;
  readonly record: SpokenRecord;
  /** Two numbers shared with the main thread, see `LoopClock`. */
  readonly loop: SharedArrayBuffer;
}

/** The record as the main thread knows it; the beat adds its own time and the lag of the loop. */
export type SpokenRecord = Omit<ProcessRecord, 'heartbeatAt' | 'loopLag'>;

export type ToThread =
  | { readonly kind: 'record'; readonly record: SpokenRecord }
  /** Stop proving that we live: we must assume that others presume us dead. */
  | { readonly kind: 'holdBreath' }
  | { readonly kind: 'stop'; readonly left: boolean };

export interface Overdue {
  readonly id: string;
  readonly silentMs: number;
}

export type FromThread =
  | {
      readonly kind: 'beat';
      readonly via: 'redis' | 'ledger';
      readonly overdue: readonly Overdue[];
      readonly blackoutMs: number;
      readonly skewMs: number | null;
    }
  | { readonly kind: 'missed'; readonly error: string }
  | { readonly kind: 'markersMissing'; readonly queues: readonly string[] }
  | { readonly kind: 'presumedDead'; readonly gapMs: number }
  | { readonly kind: 'loopRecovered'; readonly blockedMs: number }
  | { readonly kind: 'stopped' };
