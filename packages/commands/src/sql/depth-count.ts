import type { SqlConnection } from '@millrace/engines/store';

/** How a transaction changed the number of due (`ready`) and of waiting (`scheduled`) commands of each type. */
export type DepthChange = readonly [taskType: string, ready: number, scheduled: number];

/** Sums the changes of one transaction, so that the depth gauges need no counting scan. */
export class DepthCount {
  readonly #changes = new Map<string, { ready: number; scheduled: number }>();

  add(taskType: string, ready: number, scheduled: number): void {
    const change = this.#changes.get(taskType);
    if (change === undefined) {
      this.#changes.set(taskType, { ready, scheduled });
      return;
    }
    change.ready += ready;
    change.scheduled += scheduled;
  }

  changes(): DepthChange[] {
    return [...this.#changes].map(([taskType, { ready, scheduled }]) => [taskType, ready, scheduled]);
  }
}

const COUNTS = `
  SELECT task_type, sum(ready = 1) AS ready, sum(ready = 0) AS waiting FROM (
    SELECT task_type, ready FROM commands INDEXED BY commands_claimable WHERE ready = 1
    UNION ALL SELECT task_type, ready FROM commands INDEXED BY commands_waiting WHERE ready = 0)
  GROUP BY task_type`;

/** The whole counts: a scan of what waits, for starts and after failures only. */
export function readDepths(db: SqlConnection): DepthChange[] {
  const counts = db.all<{ task_type: string; ready: number; waiting: number }>(COUNTS);
  return counts.map((row) => [row.task_type, row.ready, row.waiting] as const);
}
