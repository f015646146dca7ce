import { defineProcedure } from '@millrace/engines/store';
import type { CommandStatus } from '@millrace/kit';

/** An end that somebody wants to hear of. */
export interface CallbackKey {
  readonly command_id: number;
  readonly run: number;
  readonly ended_at: number;
}

/** Ends that have not been told, oldest commands first. */
export const READ_CALLBACKS =
  'SELECT command_id, run, ended_at FROM command_callbacks ORDER BY command_id, run LIMIT ?';

export interface CallbackRow {
  readonly task_id: string;
  readonly task_type: string;
  readonly correlation_id: string | null;
  readonly callback_url: string | null;
  readonly run: number;
  readonly status: CommandStatus;
  readonly queued_at: number;
  readonly finished_at: number | null;
  readonly result: string | null;
  readonly error: string | null;
}

export const READ_CALLBACK = `
  SELECT c.task_id, c.task_type, c.correlation_id, p.callback_url, c.run, c.status, c.queued_at, c.finished_at,
    r.result, r.error
  FROM commands c
  JOIN command_payloads p ON p.command_id = c.id
  LEFT JOIN command_results r ON r.command_id = c.id
  WHERE c.id = ?`;

/** How an earlier run ended, of a command that has been run again meanwhile. */
export const READ_EARLIER_END = `
  SELECT upper(outcome) AS status, queued_at, ended_at AS finished_at, NULL AS result, error
  FROM command_attempts WHERE command_id = ? AND run = ? ORDER BY position DESC LIMIT 1`;

/** Forgets ends whose deliveries are durable. */
export const settleCallbacks = defineProcedure<{ keys: readonly CallbackKey[] }, void>({
  name: 'commands.settleCallbacks',
  sqlite(db, { keys }) {
    for (const { command_id, run, ended_at } of keys) {
      db.run(
        'DELETE FROM command_callbacks WHERE command_id = ? AND run = ? AND ended_at = ?',
        command_id,
        run,
        ended_at,
      );
    }
  },
});
