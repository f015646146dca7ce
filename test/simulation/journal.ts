import type { Store, StoreSchema } from '@millrace/engines/store';

/** One change of a command's row, as a trigger saw it: whatever wrote it, nothing escapes. */
export interface JournalRow {
  readonly n: number;
  readonly kind: 'insert' | 'update' | 'delete';
  readonly task_id: string;
  readonly old_status: string | null;
  readonly new_status: string | null;
  readonly old_run: number | null;
  readonly new_run: number | null;
  readonly old_lease: number | null;
  readonly new_lease: number | null;
}

const COLUMNS = 'kind, task_id, old_status, new_status, old_run, new_run, old_lease, new_lease';

/** Triggers that write down every change of a command's state. */
export const journalSchema: StoreSchema = {
  room: 'simulation',
  migrations: [
    {
      id: 'simulation-0001',
      sqlite: `
        CREATE TABLE simulation_journal (
          n INTEGER PRIMARY KEY, kind TEXT, task_id TEXT, old_status TEXT, new_status TEXT, old_run INTEGER,
          new_run INTEGER, old_lease INTEGER, new_lease INTEGER);
        CREATE TRIGGER simulation_insert AFTER INSERT ON commands BEGIN
          INSERT INTO simulation_journal (${COLUMNS})
          VALUES ('insert', new.task_id, NULL, new.status, NULL, new.run, NULL, new.lease); END;
        CREATE TRIGGER simulation_update AFTER UPDATE ON commands BEGIN
          INSERT INTO simulation_journal (${COLUMNS})
          VALUES ('update', new.task_id, old.status, new.status, old.run, new.run, old.lease, new.lease); END;
        CREATE TRIGGER simulation_delete AFTER DELETE ON commands BEGIN
          INSERT INTO simulation_journal (${COLUMNS})
          VALUES ('delete', old.task_id, old.status, NULL, old.run, NULL, old.lease, NULL); END;`,
    },
  ],
  procedures: [],
};

export function readJournal(store: Store): Promise<readonly JournalRow[]> {
  return store.query<JournalRow>('SELECT * FROM simulation_journal ORDER BY n');
}

/** The state machine once more, written from its description and not taken from the engine. */
const MAY_BECOME: Readonly<Record<string, readonly string[]>> = {
  SCHEDULED: ['QUEUED', 'RUNNING', 'CANCELLED', 'EXPIRED'],
  QUEUED: ['RUNNING', 'CANCELLED', 'EXPIRED'],
  RUNNING: ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILURE', 'RETRYING', 'QUEUED', 'CANCELLED'],
  RETRYING: ['RUNNING', 'CANCELLED', 'EXPIRED'],
};
const RERUNNABLE: readonly (string | null)[] = ['PARTIAL_SUCCESS', 'FAILURE', 'CANCELLED', 'EXPIRED'];
const TERMINAL: readonly (string | null)[] = ['SUCCESS', ...RERUNNABLE];

/** Invariants 2, 3 and 12 over every change: one terminal state per run, fenced, and nothing unfinished deleted. */
export function checkJournal(rows: readonly JournalRow[]): string[] {
  const violations: string[] = [];
  for (const row of rows) {
    const fault = faultOf(row);
    if (fault !== undefined) violations.push(`${fault}: ${JSON.stringify(row)}`);
  }
  return violations;
}

function faultOf(row: JournalRow): string | undefined {
  if (row.kind === 'insert') return undefined;
  if (row.kind === 'delete')
    return TERMINAL.includes(row.old_status) ? undefined : '(12) an unfinished command deleted';
  const lease = (row.new_lease ?? 0) - (row.old_lease ?? 0);
  if (lease < 0) return '(3) a lease number went back';
  if (row.new_run !== row.old_run) {
    if (row.new_run !== (row.old_run ?? 0) + 1) return '(2) a run was skipped';
    if (!RERUNNABLE.includes(row.old_status) || row.new_status !== 'QUEUED')
      return '(2) a run opened from a wrong state';
    return undefined;
  }
  if (row.new_status === row.old_status) return undefined;
  if (MAY_BECOME[row.old_status ?? '']?.includes(row.new_status ?? '') !== true) return '(2) a forbidden transition';
  const raises = row.new_status === 'RUNNING' || row.new_status === 'CANCELLED';
  return lease === (raises ? 1 : 0)
    ? undefined
    : '(3) the lease number was not raised by exactly a claim or a cancellation';
}
