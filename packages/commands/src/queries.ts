import type { Store } from '@millrace/engines/store';
import type { CommandOutcome, CommandView, Page } from '@millrace/kit';
import { commandView, outcomeOf } from './command-view.ts';
import type { ListFilter, TypeStats } from './commands.ts';
import { commandsError } from './errors.ts';
import { listQuery } from './sql/list-commands.ts';
import {
  type AttemptRow,
  READ_ATTEMPTS,
  READ_COMMAND,
  READ_OUTCOME,
  READ_STATS,
  type WideRow,
} from './sql/read-commands.ts';

const MS_PER_MINUTE = 60_000;

/** Reads commands back. */
export class Queries {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws COMMAND_NOT_FOUND */
  async get(taskId: string): Promise<CommandView> {
    const [row] = await this.#store.lookup<WideRow>(READ_COMMAND, taskId);
    if (row === undefined) throw commandsError('COMMAND_NOT_FOUND', { details: { taskId } });
    return commandView(row, await this.#store.lookup<AttemptRow>(READ_ATTEMPTS, row.id));
  }

  /** @throws COMMAND_NOT_FOUND */
  async outcome(taskId: string): Promise<CommandOutcome | undefined> {
    const [row] = await this.#store.lookup<Parameters<typeof outcomeOf>[0]>(READ_OUTCOME, taskId);
    if (row === undefined) throw commandsError('COMMAND_NOT_FOUND', { details: { taskId } });
    return outcomeOf(row);
  }

  async list(filter: ListFilter, deadLettersOnly = false): Promise<Page<CommandView>> {
    const { sql, values, limit, cursorAfter } = listQuery(filter, deadLettersOnly);
    const rows = await this.#store.query<WideRow>(sql, ...values);
    const page = rows.slice(0, limit);
    const items = await Promise.all(
      page.map(async (row) => commandView(row, await this.#store.lookup<AttemptRow>(READ_ATTEMPTS, row.id))),
    );
    const last = page.at(-1);
    return { items, nextCursor: rows.length > limit && last !== undefined ? cursorAfter(last) : null };
  }

  async stats(since: Date): Promise<readonly TypeStats[]> {
    const rows = await this.#store.query<{ taskType: string; status: string; ended: number; duration: number }>(
      READ_STATS,
      Math.floor(since.getTime() / MS_PER_MINUTE),
    );
    return [...Map.groupBy(rows, (row) => row.taskType)].map(([taskType, ofType]) => {
      const count = ofType.reduce((sum, row) => sum + row.ended, 0);
      const duration = ofType.reduce((sum, row) => sum + row.duration, 0);
      return {
        taskType,
        count,
        avgDuration: count === 0 ? 0 : duration / count,
        statuses: Object.fromEntries(ofType.map((row) => [row.status, row.ended])),
      };
    });
  }
}
