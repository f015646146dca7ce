import type { Migration } from '@millrace/engines/store';

/**
 * Schedules, and the outbox of webhooks.
 * - `command_schedules_due` holds enabled schedules only; `next_at` is the tick that fires next.
 * - `commands.callback` is 1 for commands that somebody wants to hear of. The trigger notes their end in the same
 *   transaction, whoever brings it about (a handler, an operator, expiry, the rescuer), so that no path can forget it
 *   and no end that did not count is told. Statements that do not name `finished_at` never see it.
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

    CREATE TRIGGER commands_called_back AFTER UPDATE OF finished_at ON commands
    WHEN NEW.callback = 1 AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL
    BEGIN
      INSERT OR REPLACE INTO command_callbacks (command_id, run, ended_at) VALUES (NEW.id, NEW.run, NEW.finished_at);
    END;
  `,
};
