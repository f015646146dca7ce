import type { SubmitInput } from '@millrace/kit';

/** Schedules of one store. */
export const SCHEDULES_MAX = 10_000;
/** Characters of a schedule's command, in its JSON form. */
export const SCHEDULED_COMMAND_CHARACTERS_MAX = 64 * 1024;
/** So that `<scheduleId>-<epoch seconds>` is a taskId: 100 characters, less 12. */
export const SCHEDULE_ID_CHARACTERS_MAX = 88;
/** Missed ticks that `back-fill` catches up on. */
export const BACK_FILL_MAX = 1_000;
/** A tick that has not fired so long after its time counts as missed, in ms: shorter delays are mere lateness. */
export const MISSED_AFTER_MS = 60_000;

/**
 * What becomes of ticks that passed while nobody could fire them:
 * - `skip`: nothing.
 * - `run-once`: one firing stands for all of them (it carries the first one's time).
 * - `back-fill`: each fires, in order; of more than 1,000 the first 1,000.
 *
 * The first ones, not the last: they are the same ones after a crash in the middle, so that none fires twice.
 */
export const MISSED_POLICIES = ['skip', 'run-once', 'back-fill'] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** What every firing submits. Its `correlationId` is the scheduleId unless it has one of its own. */
export type ScheduledCommand = Omit<SubmitInput, 'taskId' | 'delay' | 'runAt' | 'expiresAt'>;

export interface ScheduleInput {
  /** 1–88 letters, digits, `_` or `-`. Default: a new UUIDv7. */
  readonly scheduleId?: string | undefined;
  /** 5 fields, or 6 with seconds in front. */
  readonly cron: string;
  /** IANA name. Default UTC. */
  readonly timeZone?: string | undefined;
  readonly command: ScheduledCommand;
  /** Default `skip`. */
  readonly missed?: MissedPolicy | undefined;
  /** Default true. */
  readonly enabled?: boolean | undefined;
}

export type ScheduleChanges = Partial<Omit<ScheduleInput, 'scheduleId'>>;

/** A schedule as it is shown. Instants are ISO 8601. */
export interface Schedule {
  readonly scheduleId: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly command: ScheduledCommand;
  readonly missed: MissedPolicy;
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The tick that fires next; null while it is not enabled. */
  readonly nextAt: string | null;
  /** The tick that fired last. */
  readonly lastAt: string | null;
  /** Why its last firing was refused, if it was: the type is gone, the payload no longer fits. */
  readonly lastError?: string;
}

export interface ScheduleRow {
  readonly schedule_id: string;
  readonly cron: string;
  readonly time_zone: string;
  /** JSON text. */
  readonly command: string;
  readonly missed: MissedPolicy;
  readonly enabled: 0 | 1;
  readonly created_at: number;
  readonly updated_at: number;
  readonly next_at: number | null;
  readonly last_at: number | null;
  readonly last_error: string | null;
  readonly revision: number;
}

const MS_PER_SECOND = 1_000;

/** One tick, one taskId: the same tick submitted again is a replay. @param tick ms since the epoch */
export function firingTaskId(scheduleId: string, tick: number): string {
  return `${scheduleId}-${Math.floor(tick / MS_PER_SECOND)}`;
}

export function scheduleView(row: ScheduleRow): Schedule {
  return {
    scheduleId: row.schedule_id,
    cron: row.cron,
    timeZone: row.time_zone,
    command: JSON.parse(row.command) as ScheduledCommand,
    missed: row.missed,
    enabled: row.enabled === 1,
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
    nextAt: row.next_at === null ? null : new Date(row.next_at).toISOString(),
    lastAt: row.last_at === null ? null : new Date(row.last_at).toISOString(),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
  };
}
