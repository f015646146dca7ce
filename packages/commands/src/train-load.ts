import type { AppError } from '@millrace/kit';
import type { EndedAttempt, LeasedCommand, NewCommand } from './command.ts';
import type { Lane } from './lane.ts';
import type { Departure } from './sql/depart-train.ts';
import type { Duplicate } from './sql/insert-commands.ts';

/** What an item of a submission came to when it is not simply stored. */
export type ArrivalExceptions = ReadonlyMap<number, Duplicate | AppError>;

/** Commands submitted together; they may travel in several departures. */
export interface Group {
  readonly commands: readonly NewCommand[];
  readonly exceptions: Map<number, Duplicate | AppError>;
  readonly resolve: (exceptions: ArrivalExceptions) => void;
  departed: number;
  settled: number;
}

/** An attempt's end on its way to the store. */
export interface EndEntry {
  readonly ended: EndedAttempt;
  readonly command: LeasedCommand;
  /** The lane whose slot it frees; undefined when the slot was freed before. */
  readonly lane: Lane | undefined;
  /** True after a failed departure: it may have been stored then, and is refused now. */
  readonly isResent?: boolean;
}

/** An arrival on board, with its place in its group. */
export interface Seat {
  readonly group: Group;
  readonly index: number;
  /** The lane of a command that is due; undefined for others and for types that cannot run here. */
  readonly lane: Lane | undefined;
  readonly hasSlot: boolean;
}

/** What one departure carries. */
export interface Load {
  readonly departure: Departure;
  readonly ended: readonly EndEntry[];
  readonly seats: readonly Seat[];
  readonly lanes: readonly Lane[];
}

export function isDue({ dueAt, expiresAt }: NewCommand, now: number): boolean {
  return dueAt <= now && (expiresAt === null || expiresAt > now);
}

/** The longest that the train sleeps while something waits for its time, in ms. */
export const WAKE_MS_MAX = 5_000;
