import {
  type BatchItem,
  type CommandDefinition,
  type CommandOutcome,
  type CommandView,
  isTerminal,
  type Page,
  type SubmitInput,
  systemRandom,
} from '@millrace/kit';
import type {
  Commands,
  CommandsSnapshot,
  EventMessage,
  ListFilter,
  Processed,
  RedriveFilter,
  SubmitOptions,
  SubmitReceipt,
  TypeState,
  TypeStats,
  WaitOptions,
  WatchOptions,
} from './commands.ts';
import { type DrainOptions, drain, passing } from './drain.ts';
import type { EventStats } from './event-hub.ts';
import type { Lane } from './lane.ts';
import { type CommandsOptions, defaults, type ResolvedOptions } from './options.ts';
import { RoomParts } from './room-parts.ts';
import type { Opened } from './sql/lease-procedures.ts';
import { activeTrace } from './trace.ts';
import { outcomeWithin } from './waiters.ts';

/** Makes the room. Nothing happens before `start`. @throws TypeError or RangeError for a faulty definition */
export function createCommands(options: CommandsOptions): Commands {
  return new CommandRoom(options);
}

/** How long `stop` tries to store what has ended, in ms; what a store takes no more is taken over at the next start. */
const QUIET_MS = 5_000;

class CommandRoom implements Commands {
  readonly #options: ResolvedOptions;
  readonly #parts: RoomParts;
  #lastId = 0;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(given: CommandsOptions) {
    this.#options = { workerId: crypto.randomUUID(), random: systemRandom, ...defaults, ...given };
    this.#parts = new RoomParts(this.#options, {
      room: this,
      isRunning: () => this.#state === 'running',
      nextId: () => ++this.#lastId,
    });
  }

  start(): Promise<void> {
    this.#starting ??= this.#open();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  define(definitions: readonly CommandDefinition[]): void {
    this.#parts.lanes.define(definitions);
    if (this.#state === 'running') this.#parts.train.kick();
  }

  async submit(input: SubmitInput, options: SubmitOptions = {}): Promise<SubmitReceipt> {
    return (await this.#parts.intake.submit(input, options.trace ?? activeTrace() ?? null)).receipt;
  }

  async process(input: SubmitInput, options: WaitOptions & SubmitOptions): Promise<Processed> {
    const waiting = Promise.withResolvers<CommandOutcome | undefined>();
    let leave = () => {};
    // Waits before the command is on its way: its end may come as soon as its acceptance.
    const onBoard = (taskId: string) => {
      leave = this.#parts.waiters.add(taskId, waiting.resolve);
    };
    try {
      const { receipt, known } = await this.#parts.intake.submit(
        input,
        options.trace ?? activeTrace() ?? null,
        onBoard,
      );
      const outcome = known ? await this.#parts.queries.outcome(receipt.taskId) : undefined;
      const isLate = receipt.runAt.getTime() > this.#options.clock.now() + options.waitMs;
      if (outcome !== undefined || isLate) return { receipt, outcome };
      return { receipt, outcome: await outcomeWithin(this.#options.clock, waiting, options) };
    } finally {
      leave();
    }
  }

  check(input: unknown): Promise<void> {
    return this.#parts.intake.check(input);
  }

  submitMany(inputs: readonly unknown[]): Promise<readonly BatchItem[]> {
    return this.#parts.intake.submitMany(inputs);
  }

  async waitForOutcome(taskId: string, options: WaitOptions): Promise<CommandOutcome | undefined> {
    const known = await this.#parts.queries.outcome(taskId);
    if (known !== undefined || options.waitMs <= 0) return known;
    const waiting = Promise.withResolvers<CommandOutcome | undefined>();
    const leave = this.#parts.waiters.add(taskId, waiting.resolve);
    try {
      // Asked again now that the waiter is in place, for an end that came just before.
      return (
        (await this.#parts.queries.outcome(taskId)) ?? (await outcomeWithin(this.#options.clock, waiting, options))
      );
    } finally {
      leave();
    }
  }

  async get(taskId: string, options: Partial<WaitOptions> = {}): Promise<CommandView> {
    const view = await this.#parts.queries.get(taskId);
    const { waitMs = 0, signal } = options;
    if (waitMs <= 0 || isTerminal(view.status)) return view;
    await this.waitForOutcome(taskId, { waitMs, signal });
    return this.#parts.queries.get(taskId);
  }

  list(filter: ListFilter): Promise<Page<CommandView>> {
    return this.#parts.queries.list(filter);
  }

  deadLetters(filter: ListFilter): Promise<Page<CommandView>> {
    return this.#parts.queries.list(filter, true);
  }

  stats(since: Date): Promise<readonly TypeStats[]> {
    return this.#parts.queries.stats(since);
  }

  async cancel(taskId: string): Promise<CommandView> {
    const { task_type: taskType } = await this.#parts.control.cancel(taskId);
    this.#options.observer.ended(taskType, 'CANCELLED', false);
    this.#parts.executor.cancel(taskId);
    return this.#parts.queries.get(taskId);
  }

  async retry(taskId: string): Promise<CommandView> {
    await this.#parts.control.retry(taskId);
    return this.#parts.queries.get(taskId);
  }

  remove(taskId: string): Promise<void> {
    return this.#parts.control.remove(taskId);
  }

  redrive(filter: RedriveFilter): Promise<number> {
    return this.#parts.control.redrive(filter);
  }

  pauseType(taskType: string): Promise<TypeState> {
    return this.#setPaused(taskType, true);
  }

  resumeType(taskType: string): Promise<TypeState> {
    return this.#setPaused(taskType, false);
  }

  watch(taskId: string | undefined, options?: WatchOptions): AsyncIterable<EventMessage> {
    return this.#parts.events.watch(taskId, options);
  }

  eventStats(): EventStats {
    return this.#parts.events.stats();
  }

  snapshot(): CommandsSnapshot {
    const { depth, scheduled } = this.#parts.lanes.totals();
    return {
      depth,
      scheduled,
      active: this.#parts.executor.active,
      queueAgeMs: this.#parts.queueAge.of(depth),
      accepting: this.#parts.closedBecause() === undefined,
      types: [...this.#parts.lanes.all()].map(stateOf),
      cpu: this.#parts.pool?.stats(),
    };
  }

  drain(options: DrainOptions = {}): Promise<void> {
    const { clock } = this.#options;
    const { lanes, train, executor, keeper } = this.#parts;
    return drain({ clock, lanes, train, executor, holdsLeases: () => keeper.isValid() }, options);
  }

  async #open(): Promise<void> {
    const opened = await this.#parts.keeper.open();
    this.#lastId = opened.lastId;
    this.#restore(opened);
    this.#state = 'running';
    if (this.#options.work) {
      this.#parts.train.startClaiming(opened.nextDueAt, opened.nextExpiryAt);
      await this.#parts.webhooks.start();
    }
    await this.#parts.retention?.start();
  }

  #restore(opened: Opened): void {
    const now = this.#options.clock.now();
    const monotonic = this.#options.clock.monotonic();
    this.#parts.lanes.reset(opened.depth);
    for (const taskType of opened.pausedTypes) this.#parts.lanes.setPaused(taskType, true);
    for (const { taskType, key, until } of opened.pausedLanes) this.#parts.lanes.get(taskType)?.pauseKey(key, until);
    for (const [taskType, starts] of Map.groupBy(opened.starts, (start) => start.taskType)) {
      this.#parts.lanes.get(taskType)?.restoreStarts(starts, now, monotonic);
    }
  }

  /** Intake first, then claims; what runs may end; the rest is given back; the store has it all before we go. */
  async #close(): Promise<void> {
    await this.#starting?.catch(() => {});
    if (this.#state !== 'running') {
      this.#state = 'stopped';
      return;
    }
    this.#state = 'stopping';
    this.#parts.train.stopClaiming();
    this.#parts.executor.returnUnstarted();
    const { clock, shutdownMs, shutdownGraceMs } = this.#options;
    await passing(clock, shutdownMs, this.#parts.executor.idleWithin(shutdownMs));
    this.#parts.executor.interruptAll('Millrace is shutting down.');
    await passing(clock, shutdownGraceMs, this.#parts.executor.idleWithin(shutdownGraceMs));
    await this.#parts.pool?.stop();
    await this.#parts.webhooks.stop();
    await this.#parts.retention?.stop();
    await passing(clock, QUIET_MS, this.#parts.train.quietWithin(QUIET_MS));
    this.#parts.events.close();
    await this.#parts.keeper.close();
    this.#state = 'stopped';
  }

  async #setPaused(taskType: string, paused: boolean): Promise<TypeState> {
    await this.#parts.control.setPaused(taskType, paused);
    const lane = this.#parts.lanes.setPaused(taskType, paused);
    this.#parts.train.kick();
    return lane === undefined ? { taskType, paused, depth: 0, running: 0 } : stateOf(lane);
  }
}

function stateOf(lane: Lane): TypeState {
  return { taskType: lane.type.name, paused: lane.paused, depth: lane.depth, running: lane.running };
}
