import { type Commands, createCommands } from '@millrace/commands';
import type { Store } from '@millrace/engines/store';
import type { Random, VirtualClock } from '@millrace/kit';
import { FaultyStore, type StoreFaults } from './faulty-store.ts';
import { createNodeClock, NodeLife } from './node-life.ts';
import type { Oracle } from './oracle.ts';
import { createDefinitions } from './workload.ts';

export interface SimulatedNodeOptions {
  readonly name: string;
  readonly master: VirtualClock;
  readonly base: Store;
  readonly faults: StoreFaults;
  readonly random: Random;
  readonly oracle: Oracle;
  readonly alone: boolean;
  readonly leaseMs: number;
  readonly trace: (event: string) => void;
}

/** One process: the real room on a clock and a way to the store of its own. */
export class SimulatedNode {
  readonly name: string;
  readonly life = new NodeLife();
  readonly room: Commands;
  readonly #store: FaultyStore;
  readonly #oracle: Oracle;

  constructor({ name, master, base, faults, random, oracle, alone, leaseMs, trace }: SimulatedNodeOptions) {
    this.name = name;
    this.#oracle = oracle;
    const clock = createNodeClock(master, this.life);
    this.#store = new FaultyStore({
      ...{ base, clock: master, random, faults, life: this.life },
      trace: (event) => trace(`${name} ${event}`),
    });
    this.room = createCommands({
      ...{ store: this.#store, clock, random, alone, leaseMs },
      workerId: name,
      definitions: createDefinitions({ node: name, clock, oracle, trace }),
    });
  }

  /** kill -9. @param withWriter true where the store's writer is a thread of this process */
  kill(withWriter: boolean): void {
    this.life.kill();
    if (withWriter) this.#store.dieWithWriter();
    this.#oracle.nodeDied(this.name);
  }
}
