import type { CommandDefinition } from '@millrace/kit';
import { Lane } from './lane.ts';
import type { DepthChange } from './sql/depth-count.ts';
import { resolveTaskType } from './task-type.ts';

/** Types remembered for their depth although no handler is registered: left over from an earlier configuration. */
const FOREIGN_TYPES_MAX = 1_000;

/** All task types of this process with their limits, and the depth of those that it cannot run. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  /** Names that are paused, whether their type is defined here yet or not. */
  readonly #paused = new Set<string>();
  readonly #foreign = new Map<string, { depth: number; scheduled: number }>();

  readonly #timeoutMsDefault: number | undefined;

  /** @param timeoutMsDefault per attempt, where a definition says nothing */
  constructor(timeoutMsDefault?: number) {
    this.#timeoutMsDefault = timeoutMsDefault;
  }

  /** Adds types; one of the same name replaces the definition and its limits. @throws TypeError, RangeError */
  define(definitions: readonly CommandDefinition[]): void {
    for (const type of definitions.map((definition) => resolveTaskType(definition, this.#timeoutMsDefault))) {
      const known = this.#lanes.get(type.name);
      if (known === undefined) this.#add(new Lane(type));
      else known.redefine(type);
    }
  }

  #add(lane: Lane): void {
    const { name } = lane.type;
    const before = this.#foreign.get(name);
    lane.depth = before?.depth ?? 0;
    lane.scheduled = before?.scheduled ?? 0;
    lane.paused = this.#paused.has(name);
    this.#foreign.delete(name);
    this.#lanes.set(name, lane);
  }

  /** Whatever a claim found last, it may find more now. */
  unblock(): void {
    for (const lane of this.#lanes.values()) lane.blocked = false;
  }

  /** Starts over from what the store says. */
  reset(depths: readonly DepthChange[]): void {
    this.#foreign.clear();
    for (const lane of this.#lanes.values()) {
      lane.depth = 0;
      lane.scheduled = 0;
    }
    this.apply(depths);
  }

  setPaused(taskType: string, paused: boolean): Lane | undefined {
    if (paused) this.#paused.add(taskType);
    else this.#paused.delete(taskType);
    const lane = this.#lanes.get(taskType);
    if (lane !== undefined) lane.paused = paused;
    return lane;
  }

  get(taskType: string): Lane | undefined {
    return this.#lanes.get(taskType);
  }

  all(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  names(): string[] {
    return [...this.#lanes.keys()];
  }

  /** Brings the depths up to date with what a transaction did. */
  apply(changes: readonly DepthChange[]): void {
    for (const [taskType, ready, scheduled] of changes) {
      const counts = this.#lanes.get(taskType) ?? this.#foreignOf(taskType);
      counts.depth += ready;
      counts.scheduled += scheduled;
      if (counts instanceof Lane && ready > 0) counts.blocked = false;
    }
  }

  /** Due and unstarted commands of all types, those that nothing here can run included. */
  totals(): { depth: number; scheduled: number; leased: number } {
    const totals = { depth: 0, scheduled: 0, leased: 0 };
    for (const lane of this.#lanes.values()) {
      totals.depth += lane.depth;
      totals.scheduled += lane.scheduled;
      totals.leased += lane.leased;
    }
    for (const counts of this.#foreign.values()) {
      totals.depth += counts.depth;
      totals.scheduled += counts.scheduled;
    }
    return totals;
  }

  foreign(): ReadonlyMap<string, { readonly depth: number; readonly scheduled: number }> {
    return this.#foreign;
  }

  #foreignOf(taskType: string): { depth: number; scheduled: number } {
    let counts = this.#foreign.get(taskType);
    if (counts === undefined) {
      counts = { depth: 0, scheduled: 0 };
      if (this.#foreign.size < FOREIGN_TYPES_MAX) this.#foreign.set(taskType, counts);
    }
    return counts;
  }
}
