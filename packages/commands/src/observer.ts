import type { TerminalStatus } from '@millrace/kit';

/** Why a submission was refused at the door. */
export type ShedReason = 'depth' | 'share' | 'bytes' | 'closed' | 'lag' | (string & {});

/**
 * What the engine tells whoever counts. Called on the hot path, once per command or less: an implementation adds to a
 * number and returns; it never throws and never waits.
 */
export interface CommandsObserver {
  /** A commit carried so many items: ends, arrivals and claims. */
  departed(items: number): void;
  /** A handler begins; it was due so many ms ago. */
  started(taskType: string, waitedMs: number): void;
  /** A handler has settled or was given up, after so many ms; its end is not stored yet. */
  settled(taskType: string, durationMs: number): void;
  /** An attempt's end was stored, and another attempt follows. */
  retried(taskType: string): void;
  /** The end of a run was stored. */
  ended(taskType: string, status: TerminalStatus, deadLettered: boolean): void;
  /** Commands were taken over because the lease of their process had expired. */
  leasesExpired(commands: number): void;
  shed(reason: ShedReason): void;
  /** A handler ignored its abort signal and was given up. */
  abandoned(taskType: string): void;
}

const nothing = () => {};

/** Counts nothing. */
export const silentObserver: CommandsObserver = Object.freeze({
  departed: nothing,
  started: nothing,
  settled: nothing,
  retried: nothing,
  ended: nothing,
  leasesExpired: nothing,
  shed: nothing,
  abandoned: nothing,
});
