import { defineProcedure } from '@millrace/engines/store';
import type { ScheduleRow } from '../schedules/schedule.ts';

export const READ_SCHEDULE = 'SELECT * FROM command_schedules WHERE schedule_id = ?';
export const LIST_SCHEDULES = 'SELECT * FROM command_schedules WHERE schedule_id > ? ORDER BY schedule_id LIMIT ?';
export const READ_DUE_SCHEDULES = `
  SELECT * FROM command_schedules WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at LIMIT ?`;
export const READ_NEXT_TICK = `
  SELECT next_at FROM command_schedules WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1`;

const INSERT = `
  INSERT INTO command_schedules (schedule_id, cron, time_zone, command, missed, enabled, created_at, updated_at, next_at,
    last_at, last_error, revision)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 1)
  ON CONFLICT (schedule_id) DO NOTHING`;

/** Stores a new schedule. */
export const insertSchedule = defineProcedure<{ row: ScheduleRow; max: number }, 'stored' | 'taken' | 'full'>({
  name: 'commands.insertSchedule',
  sqlite(db, { row, max }) {
    if (db.get('SELECT 1 FROM command_schedules WHERE schedule_id = ?', row.schedule_id) !== undefined) return 'taken';
    const count = db.get<{ count: number }>('SELECT count(*) AS count FROM command_schedules')?.count ?? 0;
    if (count >= max) return 'full';
    const { schedule_id, cron, time_zone, command, missed, enabled, created_at, next_at } = row;
    db.run(INSERT, schedule_id, cron, time_zone, command, missed, enabled, created_at, created_at, next_at);
    return 'stored';
  },
});

/* The revision tells a firing that is under way that its schedule is another one now. */
const UPDATE = `
  UPDATE command_schedules SET cron = ?, time_zone = ?, command = ?, missed = ?, enabled = ?, updated_at = ?, next_at = ?,
    last_error = NULL, revision = revision + 1
  WHERE schedule_id = ? AND revision = ?`;

/** Replaces a schedule. @returns false when it is gone or was changed since `row.revision` was read */
export const updateSchedule = defineProcedure<{ row: ScheduleRow }, boolean>({
  name: 'commands.updateSchedule',
  sqlite(db, { row }) {
    const { cron, time_zone, command, missed, enabled, updated_at, next_at, schedule_id, revision } = row;
    return db.run(UPDATE, cron, time_zone, command, missed, enabled, updated_at, next_at, schedule_id, revision) === 1;
  },
});

/** Forgets a schedule; commands that it has fired go on. @returns whether it was there */
export const deleteSchedule = defineProcedure<{ scheduleId: string }, boolean>({
  name: 'commands.deleteSchedule',
  sqlite: (db, { scheduleId }) => db.run('DELETE FROM command_schedules WHERE schedule_id = ?', scheduleId) === 1,
});

export interface AdvanceArgs {
  readonly scheduleId: string;
  readonly revision: number;
  readonly from: number;
  readonly next: number | null;
  readonly lastAt: number | null;
  readonly lastError: string | null;
}

const ADVANCE = `
  UPDATE command_schedules SET next_at = ?, last_at = coalesce(?, last_at), last_error = ?
  WHERE schedule_id = ? AND revision = ? AND next_at = ?`;

/** Moves a schedule on, once its firings are durable. @returns false when it was changed or moved meanwhile */
export const advanceSchedule = defineProcedure<AdvanceArgs, boolean>({
  name: 'commands.advanceSchedule',
  sqlite: (db, { scheduleId, revision, from, next, lastAt, lastError }) =>
    db.run(ADVANCE, next, lastAt, lastError, scheduleId, revision, from) === 1,
});
