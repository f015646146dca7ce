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
