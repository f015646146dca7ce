import type { CommandOutcome } from '@millrace/kit';

/** A handler at work, as the handler itself saw it. */
export interface Execution {
  readonly serial: number;
  readonly node: string;
  readonly taskId: string;
  readonly taskType: string;
  readonly key: string;
  readonly run: number;
  readonly attempt: number;
  /** Wall clock and monotonic time of the simulation, in ms. */
  readonly beganAt: number;
  readonly beganMonotonic: number;
  abortedMonotonic: number | undefined;
  settled: boolean;
  isParked: boolean;
}

/** What clients were told about one taskId. */
export interface Told {
  acknowledged: boolean;
  /** How often a submission of it was answered as new. */
  acceptedAsNew: number;
  /** Calls whose fate was not told: anything that they ask for may have happened. */
  removalUnknown: boolean;
  reopened: boolean;
  readonly outcomes: CommandOutcome[];
}

export interface LaneLimit {
  readonly concurrency: number;
  readonly localConcurrency: number;
  readonly perKeyConcurrency?: number;
  readonly rate?: { readonly limit: number; readonly perMs: number };
  readonly perKeyRate?: { readonly limit: number; readonly perMs: number };
}

/** A handler that ignores its abort signal gives its slot back after this (see the executor), in ms. */
const ABORT_GRACE_MS = 2_000;

/** Knows what was promised, from what clients were told and from what handlers saw, and notes what breaks it. */
export class Oracle {
  readonly violations: string[] = [];
  readonly executions: Execution[] = [];
  readonly told = new Map<string, Told>();
  readonly #cancelled = new Map<string, string>();
  readonly #live = new Set<Execution>();
  readonly #limits: Readonly<Record<string, LaneLimit>>;
  readonly #monotonic: () => number;

  constructor(limits: Readonly<Record<string, LaneLimit>>, monotonic: () => number) {
    this.#limits = limits;
    this.#monotonic = monotonic;
  }

  about(taskId: string): Told {
    let told = this.told.get(taskId);
    if (told === undefined) {
      told = { acknowledged: false, acceptedAsNew: 0, removalUnknown: false, reopened: false, outcomes: [] };
      this.told.set(taskId, told);
    }
    return told;
  }

  violate(text: string): void {
    this.violations.push(text);
  }

  /** @param node the process that cancelled it: what another one holds under a valid lease it does not reach */
  toldCancelled(taskId: string, run: number, node: string): void {
    this.#cancelled.set(`${taskId} ${run}`, node);
  }

  began(given: Omit<Execution, 'serial' | 'abortedMonotonic' | 'settled' | 'isParked'>): Execution {
    const serial = this.executions.length + 1;
    const execution: Execution = { ...given, serial, abortedMonotonic: undefined, settled: false, isParked: false };
    this.executions.push(execution);
    this.#live.add(execution);
    const { taskId, run } = execution;
    const isSame = this.told.get(taskId)?.removalUnknown !== true;
    if (isSame && this.#cancelled.get(`${taskId} ${run}`) === execution.node)
      this.violate(`(11) ${taskId} run ${run} began after its cancellation`);
    this.checkConcurrency(execution);
    this.#checkRate(execution);
    return execution;
  }

  settled(execution: Execution): void {
    execution.settled = true;
    this.#live.delete(execution);
  }

  /** A process is gone, and its handlers with it. */
  nodeDied(node: string): void {
    for (const execution of [...this.#live]) if (execution.node === node) this.#live.delete(execution);
  }

  /** Invariant 6, for one process: what runs beside this one stays within its limits. */
  checkConcurrency(newest: Execution): void {
    const limit = this.#limits[newest.taskType];
    if (limit === undefined) return;
    const now = this.#monotonic();
    let ofType = 0;
    let ofKey = 0;
    for (const other of this.#live) {
      if (other.node !== newest.node || other.taskType !== newest.taskType || other.isParked) continue;
      if (other.abortedMonotonic !== undefined && now - other.abortedMonotonic >= ABORT_GRACE_MS) continue;
      ofType += 1;
      if (other.key === newest.key) ofKey += 1;
    }
    if (ofType > Math.min(limit.concurrency, limit.localConcurrency)) {
      this.violate(`(6) ${ofType} of ${newest.taskType} at once in ${newest.node}`);
    }
    if (limit.perKeyConcurrency !== undefined && ofKey > limit.perKeyConcurrency) {
      this.violate(`(6) ${ofKey} of ${newest.taskType} with key ${newest.key} at once in ${newest.node}`);
    }
  }

  /** Invariant 7, for one process. */
  #checkRate(newest: Execution): void {
    const limit = this.#limits[newest.taskType];
    const check = (rate: LaneLimit['rate'], isSame: (other: Execution) => boolean) => {
      if (rate === undefined) return;
      const inWindow = this.executions.filter(
        (other) =>
          other.node === newest.node &&
          other.taskType === newest.taskType &&
          newest.beganMonotonic - other.beganMonotonic < rate.perMs &&
          isSame(other),
      ).length;
      if (inWindow > rate.limit) {
        this.violate(`(7) ${inWindow} starts of ${newest.taskType} ${newest.key} within ${rate.perMs} ms`);
      }
    };
    check(limit?.rate, () => true);
    check(limit?.perKeyRate, (other) => other.key === newest.key);
  }
}
