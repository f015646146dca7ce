import { createHash } from 'node:crypto';
import { commandsSchema } from '@millrace/commands';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { AppError, type CommandOutcome, type Random, seededRandom, VirtualClock } from '@millrace/kit';
import { checkEnd } from './check-end.ts';
import type { StoreFaults } from './faulty-store.ts';
import { checkJournal, journalSchema, readJournal } from './journal.ts';
import { Oracle } from './oracle.ts';
import { SimulatedNode } from './simulated-node.ts';
import { LIMITS, type Plan, type PlanStep, type SimulatedType, TYPES } from './workload.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Same seed, same hash: over everything that happened, in its order. */
  readonly hash: string;
  readonly events: number;
  readonly executions: number;
  readonly trace: readonly string[];
}

/** Steps of the part in which things go wrong. */
const STEPS = 55;
const STEP_MS_MAX = 400;
const WAIT_MS = 5_000;
const KEYS = ['', 'a', 'b', 'c'];
const LEASE_MS = 8_000;
/** After the last fault everything must have ended within this time of the simulation. */
const DRAIN_MS = 180_000;
const STOP_MS = 60_000;

/** Runs one seed from an empty store through faults to the end and tells what broke. */
export async function simulate(seed: number, keepTrace = false): Promise<SimulationResult> {
  const simulation = new Simulation(seed, keepTrace);
  return await simulation.run();
}

class Simulation {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #base: Store = createMemoryStore({ schemas: [commandsSchema, journalSchema] });
  readonly #oracle: Oracle;
  readonly #faults: StoreFaults;
  readonly #hash = createHash('sha256');
  readonly #trace: string[] = [];
  readonly #keepTrace: boolean;
  /** One process at a time may use the store (an embedded store), or several may (a server), and one may be a zombie. */
  readonly #alone: boolean;
  readonly #jumps: boolean;
  readonly #ids: string[] = [];
  readonly #calls = new Map<Promise<void>, SimulatedNode>();
  #events = 0;
  #nodes = 0;
  #node: SimulatedNode | undefined;
  #zombie: SimulatedNode | undefined;

  constructor(seed: number, keepTrace: boolean) {
    this.#seed = seed;
    this.#keepTrace = keepTrace;
    this.#random = seededRandom(seed);
    this.#alone = this.#random() < 0.5;
    this.#jumps = this.#random() < 0.2;
    const isFaulty = this.#random() < 0.8;
    this.#faults = {
      dropRate: isFaulty ? this.#random() * 0.08 : 0,
      loseRate: isFaulty ? this.#random() * 0.08 : 0,
      fullRate: this.#random() < 0.2 ? 0.05 : 0,
      delayMsMax: 1 + this.#random() * 40,
      isDown: false,
    };
    this.#oracle = new Oracle(LIMITS, () => this.#clock.monotonic());
  }

  async run(): Promise<SimulationResult> {
    await this.#base.start();
    await this.#startNode();
    for (let step = 0; step < STEPS; step++) {
      for (let burst = this.#below(6); burst > 0; burst--) this.#clientAct();
      if (this.#random() < 0.12) await this.#breakSomething();
      await this.#pass(this.#below(STEP_MS_MAX));
    }
    await this.#mend();
    await this.#drain();
    const rows = await checkEnd({ store: this.#base, oracle: this.#oracle, hasJumps: this.#jumps });
    for (const fault of checkJournal(await readJournal(this.#base))) this.#oracle.violate(fault);
    await this.#checkCapacity();
    for (const row of rows) this.#note(`end ${JSON.stringify(row)}`);
    await this.#base.stop();
    return {
      seed: this.#seed,
      violations: this.#oracle.violations,
      hash: this.#hash.digest('hex'),
      events: this.#events,
      executions: this.#oracle.executions.length,
      trace: this.#trace,
    };
  }

  #note(event: string): void {
    this.#events += 1;
    const line = `${this.#clock.monotonic()} ${event}`;
    this.#hash.update(`${line}\n`);
    if (this.#keepTrace) this.#trace.push(line);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<TItem>(items: readonly TItem[]): TItem {
    return items[this.#below(items.length)] as TItem;
  }

  /** Lets so much time pass; after every timer everything that it set off runs to its end. */
  async #pass(ms: number): Promise<void> {
    const until = this.#clock.monotonic() + ms;
    await settled();
    for (;;) {
      const next = this.#clock.nextTimerMs();
      const left = until - this.#clock.monotonic();
      if (next === undefined || next > left) {
        this.#clock.advance(left);
        await settled();
        return;
      }
      this.#clock.advance(next);
      await settled();
    }
  }

  async #startNode(): Promise<void> {
    for (;;) {
      this.#nodes += 1;
      const node = new SimulatedNode({
        name: `n${this.#nodes}`,
        ...{ master: this.#clock, base: this.#base, faults: this.#faults, oracle: this.#oracle, leaseMs: LEASE_MS },
        random: seededRandom(this.#seed * 1_000 + this.#nodes),
        alone: this.#alone,
        trace: (event) => this.#note(event),
      });
      const outcome = await this.#await(node.room.start());
      this.#note(`start ${node.name} ${outcome.ok}`);
      if (outcome.ok) {
        this.#node = node;
        return;
      }
      this.#faults.isDown = false;
      node.kill(this.#alone);
    }
  }

  /** Passes time until the promise settles. */
  async #await(promise: Promise<unknown>, withinMs = STOP_MS): Promise<{ ok: boolean; inTime: boolean }> {
    let result: { ok: boolean; inTime: boolean } | undefined;
    promise.then(
      () => {
        result = { ok: true, inTime: true };
      },
      () => {
        result = { ok: false, inTime: true };
      },
    );
    const until = this.#clock.monotonic() + withinMs;
    await settled();
    while (result === undefined && this.#clock.monotonic() < until) await this.#pass(20);
    return result ?? { ok: false, inTime: false };
  }

  #clientAct(): void {
    const node = this.#node;
    if (node === undefined) return;
    const roll = this.#random();
    if (roll < 0.72 || this.#ids.length === 0) this.#submit(node);
    else if (roll < 0.8) this.#resubmit(node);
    else if (roll < 0.88) this.#cancel(node);
    else if (roll < 0.93) this.#retry(node);
    else if (roll < 0.95) this.#remove(node);
    else if (roll < 0.97) this.#redrive(node);
    else this.#pauseOrResume(node);
  }

  #submit(node: SimulatedNode): void {
    const taskId = `t${this.#ids.length}`;
    this.#ids.push(taskId);
    this.#send(node, taskId);
  }

  /** The command of a taskId follows from it, so that it can be sent again. */
  #command(taskId: string) {
    const random = seededRandom(this.#seed * 7_919 + Number(taskId.slice(1)));
    const below = (limit: number) => Math.floor(random() * limit);
    const taskType = TYPES[below(TYPES.length)] as SimulatedType;
    const plan: Plan = { steps: stepsOf(taskType, random), ms: 1 + below(600) };
    const key = KEYS[below(KEYS.length)] as string;
    return {
      taskId,
      taskType,
      payload: plan,
      ...(key === '' ? {} : { concurrencyKey: key }),
      ...(random() < 0.2 ? { delay: below(15_000) } : {}),
      ...(random() < 0.1 ? { expiresAt: new Date(this.#clock.now() + below(4_000)).toISOString() } : {}),
      metadata: { priority: (['low', 'normal', 'high', 'urgent'] as const)[below(4)] as 'low' },
    };
  }

  #send(node: SimulatedNode, taskId: string): void {
    const input = this.#command(taskId);
    const told = this.#oracle.about(taskId);
    this.#call(node, `submit ${taskId}`, async () => {
      if (this.#random() < 0.3) {
        const { outcome } = await node.room.process(input, { waitMs: WAIT_MS });
        told.acknowledged = true;
        if (outcome !== undefined) this.#toldOutcome(taskId, outcome);
        return;
      }
      const receipt = await node.room.submit(input);
      this.#acknowledge(taskId, receipt.replay);
      if (this.#random() < 0.2) {
        const outcome = await node.room.waitForOutcome(taskId, { waitMs: WAIT_MS });
        if (outcome !== undefined) this.#toldOutcome(taskId, outcome);
      }
    });
  }

  #acknowledge(taskId: string, isReplay: boolean): void {
    const told = this.#oracle.about(taskId);
    if (!isReplay) told.acceptedAsNew += 1;
    if (told.acceptedAsNew > 1 && !told.removalUnknown) {
      this.#oracle.violate(`(5) ${taskId} was accepted as new a second time`);
    }
    told.acknowledged = true;
  }

  #toldOutcome(taskId: string, outcome: CommandOutcome): void {
    this.#note(`outcome ${taskId} ${outcome.status}`);
    this.#oracle.about(taskId).outcomes.push(outcome);
  }

  #resubmit(node: SimulatedNode): void {
    const taskId = this.#pick(this.#ids);
    if (this.#random() < 0.7) {
      this.#send(node, taskId);
      return;
    }
    const wasAcknowledged = this.#oracle.about(taskId).acknowledged;
    this.#call(node, `conflict ${taskId}`, async () => {
      try {
        await node.room.submit({ ...this.#command(taskId), payload: { steps: ['ok'], ms: -1 } });
      } catch (error) {
        if (error instanceof AppError) return;
        throw error;
      }
      const told = this.#oracle.about(taskId);
      if (wasAcknowledged && told.acknowledged && !told.removalUnknown) {
        this.#oracle.violate(`(5) ${taskId} was accepted with another payload`);
      }
      told.removalUnknown = true;
    });
  }

  #cancel(node: SimulatedNode): void {
    const taskId = this.#pick(this.#ids);
    this.#call(node, `cancel ${taskId}`, async () => {
      const view = await node.room.cancel(taskId);
      if (view.status === 'CANCELLED') this.#oracle.toldCancelled(taskId, view.run, node.name);
    });
  }

  #retry(node: SimulatedNode): void {
    const taskId = this.#pick(this.#ids);
    this.#call(node, `retry ${taskId}`, async () => {
      this.#oracle.about(taskId).reopened = true;
      await node.room.retry(taskId);
    });
  }

  #redrive(node: SimulatedNode): void {
    this.#call(node, 'redrive', async () => {
      for (const told of this.#oracle.told.values()) told.reopened = true;
      await node.room.redrive({ limit: 5 });
    });
  }

  #remove(node: SimulatedNode): void {
    const taskId = this.#pick(this.#ids);
    this.#call(node, `remove ${taskId}`, async () => {
      const told = this.#oracle.about(taskId);
      told.removalUnknown = true;
      await node.room.remove(taskId);
    });
  }

  #pauseOrResume(node: SimulatedNode): void {
    const type = this.#pick(TYPES);
    const pauses = this.#random() < 0.5;
    this.#call(node, `pause ${type} ${pauses}`, async () => {
      await (pauses ? node.room.pauseType(type) : node.room.resumeType(type));
    });
  }

  /** A client's call: an error that the room is entitled to is an answer like any other. */
  #call(node: SimulatedNode, name: string, act: () => Promise<void>): void {
    this.#note(`call ${name}`);
    const call = act().then(
      () => this.#note(`done ${name}`),
      (error: unknown) => {
        const code = error instanceof AppError ? error.code : String(error);
        this.#note(`fail ${name} ${code}`);
        if (!(error instanceof AppError) && !String(error).includes('A procedure failed')) {
          this.#oracle.violate(`${name} failed with ${String(error)}`);
        }
      },
    );
    this.#calls.set(call, node);
    void call.finally(() => this.#calls.delete(call));
  }

  async #breakSomething(): Promise<void> {
    const roll = this.#random();
    if (roll < 0.3) await this.#crash();
    else if (roll < 0.45) await this.#restart();
    else if (roll < 0.75) await this.#freeze();
    else if (roll < 0.9) this.#faults.isDown = !this.#faults.isDown;
    else if (this.#jumps) this.#jump();
  }

  async #crash(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#note(`crash ${node.name}`);
    node.kill(this.#alone);
    this.#node = undefined;
    await this.#pass(this.#below(3_000));
    await this.#startNode();
  }

  async #restart(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#faults.isDown = false;
    this.#note(`stop ${node.name}`);
    this.#node = undefined;
    const { ok, inTime } = await this.#await(node.room.stop());
    this.#note(`stopped ${node.name} ${ok} ${inTime}`);
    if (!inTime) this.#oracle.violate(`${node.name} did not stop within ${STOP_MS} ms`);
    node.kill(this.#alone);
    await this.#startNode();
  }

  /** The process stands still; on a shared store another takes its place, and it wakes as a zombie. */
  async #freeze(): Promise<void> {
    const node = this.#node;
    if (node === undefined || this.#zombie !== undefined) return;
    this.#note(`freeze ${node.name}`);
    node.life.freeze();
    if (this.#alone || this.#random() < 0.3) {
      await this.#pass(this.#below(LEASE_MS * 2));
      this.#note(`wake ${node.name}`);
      node.life.wake();
      return;
    }
    this.#zombie = node;
    this.#node = undefined;
    await this.#startNode();
    this.#clock.schedule(LEASE_MS * 0.5 + this.#below(LEASE_MS * 2), () => this.#wakeZombie(node));
  }

  #wakeZombie(node: SimulatedNode): void {
    this.#note(`wake zombie ${node.name}`);
    node.life.wake();
    this.#clock.schedule(this.#below(5_000), () => {
      this.#note(`kill zombie ${node.name}`);
      node.kill(false);
      this.#zombie = undefined;
    });
  }

  #jump(): void {
    const ms = this.#below(120_000) - 60_000;
    this.#note(`jump ${ms}`);
    this.#clock.jump(ms);
  }

  async #mend(): Promise<void> {
    Object.assign(this.#faults, { dropRate: 0, loseRate: 0, fullRate: 0, isDown: false });
    while (this.#zombie !== undefined) await this.#pass(1_000);
    const node = this.#node;
    if (node === undefined) return;
    for (const type of TYPES) await this.#await(node.room.resumeType(type));
  }

  /** Invariant 10: with the faults gone, everything ends. */
  async #drain(): Promise<void> {
    const until = this.#clock.monotonic() + DRAIN_MS;
    while (this.#clock.monotonic() < until) {
      await this.#pass(1_000);
      const [left] = await this.#base.query<{ n: number }>('SELECT count(*) n FROM commands WHERE finished_at IS NULL');
      if (left?.n === 0 && this.#openCalls() === 0) break;
    }
    // What a zombie did last is learned when its lease is over.
    if (!this.#alone) await this.#pass(LEASE_MS * 2);
    const rows = await this.#base.query('SELECT * FROM commands WHERE finished_at IS NULL LIMIT 3');
    for (const row of rows) this.#oracle.violate(`(10) never ended: ${JSON.stringify(row)}`);
    if (this.#openCalls() > 0 && rows.length === 0) this.#oracle.violate('A caller was never answered.');
    const snapshot = this.#node?.room.snapshot();
    if (rows.length > 0 || snapshot === undefined) return;
    const { depth, scheduled, active } = snapshot;
    if (depth !== 0 || scheduled !== 0 || active !== 0) {
      this.#oracle.violate(`Counters are off after the end: ${JSON.stringify({ depth, scheduled, active })}`);
    }
  }

  /** Calls that a living process owes an answer. */
  #openCalls(): number {
    return [...this.#calls.values()].filter((node) => !node.life.isDead).length;
  }

  /** No slot was lost on the way: every type still runs as many at once as it may. */
  async #checkCapacity(): Promise<void> {
    const node = this.#node;
    if (node === undefined || this.#oracle.violations.length > 0) return;
    for (const type of TYPES.filter((name) => name !== 'rated')) {
      const before = this.#oracle.executions.length;
      const wanted = Math.min(LIMITS[type].concurrency, LIMITS[type].localConcurrency);
      const inputs = Array.from({ length: wanted }, (_, index) => ({
        taskId: `probe-${type}-${index}`,
        taskType: type,
        concurrencyKey: `probe-${index}`,
        payload: { steps: ['hang'], ms: 1 },
      }));
      // Two processes may have given the same ids; the store refuses the second, and the client tries again.
      for (let tries = 0; tries < 3; tries++) await this.#await(node.room.submitMany(inputs));
      await this.#pass(200);
      const began = this.#oracle.executions.length - before;
      if (began !== wanted) this.#oracle.violate(`Slots of ${type} were lost: ${began} of ${wanted} began`);
    }
  }
}

function stepsOf(type: SimulatedType, random: Random): readonly PlanStep[] {
  if (type === 'hang') return random() < 0.5 ? ['hang', 'ok'] : ['deaf', 'ok'];
  if (type === 'parent') return random() < 0.8 ? ['children'] : ['throw', 'children'];
  if (type === 'fast' && random() < 0.6) return ['sync'];
  const choices: readonly PlanStep[] = ['ok', 'ok', 'ok', 'throw', 'final', 'later', 'partial', 'step'];
  const step = () => choices[Math.floor(random() * choices.length)] as PlanStep;
  const steps = random() < 0.5 ? [step()] : [step(), step()];
  // What asks for another try for ever would never end.
  return steps.at(-1) === 'later' ? [...steps, 'ok'] : steps;
}

/** Everything that was set off runs to its end: the engine waits for nothing but the clock and the store. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
