import type { Store } from '@millrace/engines/store';
import type { Clock, Logger } from '@millrace/kit';
import type { LeasedCommand } from './command.ts';
import type { DriftCheck } from './drift-check.ts';
import type { Lanes } from './lanes.ts';
import type { CommandsObserver } from './observer.ts';
import type { Arrived, Departure } from './sql/depart-train.ts';
import type { Expired } from './sql/expire-commands.ts';
import type { EndEntry } from './train-load.ts';

/** What the train reports when a departure is durable. */
export interface TrainListener {
  /** Slots were granted: run these. */
  onLeased(commands: readonly LeasedCommand[]): void;
  /** Ends were stored; `counted` is false for one whose lease was no longer current. */
  onEnded(entry: EndEntry, counted: boolean): void;
  /** Commands of one type were ended because they had expired. */
  onExpired(expired: readonly Expired[], taskType: string): void;
  onEvents(arrived: Arrived, departure: Departure, ended: readonly EndEntry[]): void;
}

export interface CommitTrainOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lanes: Lanes;
  readonly listener: TrainListener;
  readonly observer: CommandsObserver;
  /** The number that leases are held under. */
  readonly worker: () => number;
  readonly drift: DriftCheck;
  readonly itemsMax: number;
  /** Whether this process claims and runs. */
  readonly work: boolean;
  /** Whether a suspect is at work: then no other is claimed. */
  readonly hasSuspect: () => boolean;
  /** Whether the leases of this process hold; asked before every departure. */
  readonly holdsLeases: () => boolean;
}
