import type { SqlConnection } from '@millrace/engines/store';
import type { TerminalStatus } from '@millrace/kit';

const MS_PER_MINUTE = 60_000;

const ADD = `
  INSERT INTO command_rollups (minute, task_type, status, ended, duration) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (minute, task_type, status)
  DO UPDATE SET ended = ended + excluded.ended, duration = duration + excluded.duration`;

/** One command that has ended. */
interface Ended {
  readonly taskType: string;
  readonly status: TerminalStatus;
  readonly endedAt: number;
  readonly durationMs: number;
}

/** Sums what ended in one transaction by type, state and minute: a few rows of statistics, however many commands. */
export class Rollups {
  readonly #sums = new Map<string, { minute: number; taskType: string; status: string; ended: number; ms: number }>();

  add({ taskType, status, endedAt, durationMs }: Ended): void {
    const minute = Math.floor(endedAt / MS_PER_MINUTE);
    const key = `${minute} ${status} ${taskType}`;
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      this.#sums.set(key, { minute, taskType, status, ended: 1, ms: durationMs });
      return;
    }
    sum.ended += 1;
    sum.ms += durationMs;
  }

  write(db: SqlConnection): void {
    for (const { minute, taskType, status, ended, ms } of this.#sums.values()) {
      db.run(ADD, minute, taskType, status, ended, Math.round(ms));
    }
  }
}
