import { defineProcedure } from '@millrace/engines/store';

export const READ_STEP = 'SELECT result FROM command_steps WHERE command_id = ? AND name = ?';

export interface StepArgs {
  readonly id: number;
  readonly lease: number;
  readonly name: string;
  /** JSON text. */
  readonly result: string;
  readonly now: number;
}

/* Only the current lease may add a step; the first result of a name stays. */
const RECORD = `
  INSERT INTO command_steps (command_id, name, result, created_at)
  SELECT id, ?, ?, ? FROM commands WHERE id = ? AND lease = ? AND status = 'RUNNING'
  ON CONFLICT (command_id, name) DO NOTHING`;

/** Keeps the result of a finished step. @returns false when the lease is no longer the current one */
export const recordStep = defineProcedure<StepArgs, boolean>({
  name: 'commands.recordStep',
  sqlite(db, { id, lease, name, result, now }) {
    if (db.run(RECORD, name, result, now, id, lease) === 1) return true;
    return db.get("SELECT 1 FROM commands WHERE id = ? AND lease = ? AND status = 'RUNNING'", id, lease) !== undefined;
  },
});
