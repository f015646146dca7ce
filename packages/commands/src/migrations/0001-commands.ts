import type { Migration } from '@millrace/engines/store';

/**
 * The room's first schema. Why it looks as it does:
 * - `commands` is the narrow hot row, keyed by an ascending id: inserts append to the table and to every index but the
 *   one on `task_id`. Payloads and results lie in tables of their own, so that claiming never drags them along.
 * - `ready` is 1 while a command may be claimed, 0 while it waits for its time, NULL otherwise; the partial indexes
 *   hold only what they are asked for, so that a million finished commands cost the claim nothing.
 * - `commands_by_end` holds ended commands only: one insertion per command instead of three moves. It serves the
 *   lists by status and retention (an ended command's `updated_at` is its end).
 * - `command_event_batches` has one row per commit, not per event: the stream of all events costs a few bytes each.
 * Lock: exclusive, on an empty database. Duration: instant. Not breaking.
 */
export const createCommands: Migration = {
  id: 'commands-0001',
  sqlite: `
    CREATE TABLE commands (
      id INTEGER PRIMARY KEY,
      task_id TEXT NOT NULL,
      task_type TEXT NOT NULL,
      status TEXT NOT NULL,
      ready INTEGER,
      concurrency_key TEXT NOT NULL,
      order_at INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      expires_at INTEGER,
      priority TEXT NOT NULL,
      timeout_ms INTEGER NOT NULL,
      run INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      crashes INTEGER NOT NULL,
      lease INTEGER NOT NULL,
      lease_owner INTEGER,
      dead_lettered INTEGER NOT NULL,
      error_code TEXT,
      correlation_id TEXT,
      created_at INTEGER NOT NULL,
      queued_at INTEGER NOT NULL,
      started_at INTEGER,
      updated_at INTEGER NOT NULL,
      finished_at INTEGER,
      duration INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX commands_by_task_id ON commands (task_id);
    CREATE INDEX commands_by_type ON commands (task_type, created_at);
    CREATE INDEX commands_by_end ON commands (status, updated_at) WHERE finished_at IS NOT NULL;
    CREATE INDEX commands_claimable ON commands (task_type, concurrency_key, order_at, id) WHERE ready = 1;
    CREATE INDEX commands_waiting ON commands (due_at) WHERE ready = 0;
    CREATE INDEX commands_leased ON commands (id) WHERE lease_owner IS NOT NULL;
    CREATE INDEX commands_expiring ON commands (expires_at) WHERE ready IS NOT NULL AND expires_at IS NOT NULL;
    CREATE INDEX commands_by_correlation ON commands (correlation_id, id) WHERE correlation_id IS NOT NULL;

    CREATE TABLE command_payloads (
      command_id INTEGER PRIMARY KEY,
      payload TEXT,
      metadata TEXT,
      callback_url TEXT,
      trace TEXT
    ) STRICT;

    CREATE TABLE command_results (
      command_id INTEGER PRIMARY KEY,
      status TEXT NOT NULL,
      result TEXT,
      error TEXT,
      created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE command_attempts (
      command_id INTEGER NOT NULL,
      position INTEGER NOT NULL,
      run INTEGER NOT NULL,
      attempt INTEGER NOT NULL,
      outcome TEXT NOT NULL,
      queued_at INTEGER NOT NULL,
      started_at INTEGER,
      ended_at INTEGER NOT NULL,
      next_at INTEGER,
      error TEXT,
      PRIMARY KEY (command_id, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE command_steps (
      command_id INTEGER NOT NULL,
      name TEXT NOT NULL,
      result TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      PRIMARY KEY (command_id, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE command_workers (
      worker INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      lease_until INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE command_types (
      task_type TEXT PRIMARY KEY,
      paused_at INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE command_lanes (
      task_type TEXT NOT NULL,
      concurrency_key TEXT NOT NULL,
      paused_until INTEGER NOT NULL,
      PRIMARY KEY (task_type, concurrency_key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE command_starts (
      started_at INTEGER NOT NULL,
      id INTEGER PRIMARY KEY,
      task_type TEXT NOT NULL,
      concurrency_key TEXT NOT NULL
    ) STRICT;
    CREATE INDEX command_starts_by_time ON command_starts (started_at);

    CREATE TABLE command_rollups (
      minute INTEGER NOT NULL,
      task_type TEXT NOT NULL,
      status TEXT NOT NULL,
      ended INTEGER NOT NULL,
      duration INTEGER NOT NULL,
      PRIMARY KEY (minute, task_type, status)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE command_event_batches (
      seq INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      events TEXT NOT NULL
    ) STRICT;
  `,
};
