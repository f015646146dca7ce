import type { Migration } from '@millrace/engines/store';

/**
 * Schedules, and the outbox of webhooks.
 * - `command_schedules_due` holds enabled schedules only; `next_at` is the tick that fires next.
 * - `commands.callback` is 1 for commands that somebody wants to hear of; their end is noted in `command_callbacks` by
 *   the transaction that ends them, and stays there until its delivery is durable.
 * Lock: exclusive. Duration: instant (a column without a default value rewrites nothing). Not breaking.
 */
export const addSchedules: Migration = {
  id: 'commands-0002',
  sqlite: `
    CREATE TABLE command_schedules (
      schedule_id TEXT PRIMARY KEY,
      cron TEXT NOT NULL,
      time_zone TEXT NOT NULL,
      command TEXT NOT NULL,
      missed TEXT NOT NULL,
      enabled INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      next_at INTEGER,
      last_at INTEGER,
      last_error TEXT,
      revision INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX command_schedules_due ON command_schedules (next_at) WHERE next_at IS NOT NULL;

    ALTER TABLE commands ADD COLUMN callback INTEGER;

    CREATE TABLE command_callbacks (
      command_id INTEGER NOT NULL,
      run INTEGER NOT NULL,
      ended_at INTEGER NOT NULL,
      PRIMARY KEY (command_id, run)
    ) STRICT, WITHOUT ROWID;
  `,
};
