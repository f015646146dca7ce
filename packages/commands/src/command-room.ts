import {
  type BatchItem,
  type CommandDefinition,
  type CommandOutcome,
  type CommandView,
  createUuidV7,
  isTerminal,
  type Page,
  type SubmitInput,
  systemRandom,
} from '@millrace/kit';
import { Admission } from './admission.ts';
import { createCommandRunner } from './command-runner.ts';
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
import { CommitTrain, type EndEntry } from './commit-train.ts';
import { Control } from './control.ts';
import { type CpuPool, createCpuPool } from './cpu-pool.ts';
import { type DrainOptions, drain, passing } from './drain.ts';
import { DriftCheck } from './drift-check.ts';
import type { EventStats } from './event-hub.ts';
import { Events } from './events.ts';
import { Executor } from './executor.ts';
import { HandlerServices } from './handler-services.ts';
import { Intake } from './intake.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { type CommandsOptions, defaults, type ResolvedOptions } from './options.ts';
import { Queries } from './queries.ts';
import { QueueAge } from './queue-age.ts';
import { Retention } from './retention.ts';
import type { ControlResult } from './sql/control-procedures.ts';
import type { Opened, Rescued } from './sql/lease-procedures.ts';
import { activeTrace } from './trace.ts';
import { outcomeWithin, Waiters } from './waiters.ts';
import { WakeCalls } from './wake-calls.ts';
import { Webhooks } from './webhooks.ts';

/** Makes the room. Nothing happens before `start`. @throws TypeError or RangeError for a faulty definition */
export function createCommands(options: CommandsOptions): Commands {
  return new CommandRoom(options);
}

/** How long `stop` tries to store what has ended, in ms; what a store takes no more is taken over at the next start. */
const QUIET_MS = 5_000;

/** How long handlers have after their signal at shutdown before their commands are given back without them, in ms. */
const SHUTDOWN_GRACE_MS = 2_500;

/** When to try again after the disk was nearly full, in ms: retention frees some every 10 s. */
const DISK_RETRY_MS = 15_000;

class CommandRoom implements Commands {
  readonly #options: ResolvedOptions;
  readonly #lanes: Lanes;
  readonly #waiters: Waiters;
  readonly #wake: WakeCalls;
  readonly #queries: Queries;
  readonly #queueAge: QueueAge;
  readonly #control: Control;
  readonly #drift: DriftCheck;
  readonly #train: CommitTrain;
  readonly #executor: Executor;
  readonly #keeper: LeaseKeeper;
  readonly #intake: Intake;
  readonly #events: Events;
  readonly #webhooks: Webhooks;
  readonly #retention: Retention | undefined;
  /** Where `cpu: true` types run, when the room has made it itself. */
  readonly #pool: CpuPool | undefined;
  #lastId = 0;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(given: CommandsOptions) {
    const options = { workerId: crypto.randomUUID(), random: systemRandom, ...defaults, ...given };
    this.#options = options;
    this.#lanes = new Lanes(options.timeoutMs);
    this.#lanes.define(options.definitions);
    const { store, clock, logger, workerId, random, observer } = options;
    this.#waiters = new Waiters(options.waitersMax);
    this.#queries = new Queries(store);
    this.#wake = new WakeCalls({ waiters: this.#waiters, queries: this.#queries, logger });
    this.#queueAge = new QueueAge({ store, clock, logger });
    this.#events = new Events({
      ...{ store, clock, alone: options.alone },
      snapshot: () => this.snapshot(),
      view: (taskId) => this.#queries.get(taskId),
    });
    this.#drift = new DriftCheck({
      ...{ store, clock, logger, lanes: this.#lanes },
      worker: () => this.#keeper.worker,
      atWork: () => this.#executor.leases(),
    });
    this.#control = new Control({
      ...{ store, clock },
      onDone: (result) => this.#onControl(result),
      onFailed: (error) => this.#onFailedWrite(error),
    });
    this.#keeper = new LeaseKeeper({
      ...{ store, clock, logger, workerId },
      ...{ leaseMs: options.leaseMs, heartbeatMs: options.heartbeatMs, alone: options.alone },
      onLost: () => this.#onLost(),
      onHeld: () => this.#train.kick(),
      onRescued: (rescued) => this.#onRescued(rescued),
      onFailed: (error) => this.#onFailedWrite(error),
    });
    this.#train = new CommitTrain({
      ...{ store, clock, logger, observer, lanes: this.#lanes, work: options.work },
      ...{ drift: this.#drift, itemsMax: options.departureItemsMax },
      worker: () => this.#keeper.worker,
      holdsLeases: () => this.#keeper.isValid(),
      hasSuspect: () => this.#executor.hasSuspect(),
      listener: {
        onLeased: (commands) => this.#executor.start(commands),
        onEnded: (entry, counted) => this.#onEnded(entry, counted),
        onExpired: (expired, taskType) => this.#onExpired(expired, taskType),
        onEvents: (arrived, departure, ended) => this.#events.onDeparture(arrived, departure, ended),
      },
    });
    const { cpuThreads: threads, cpuThreadMemoryMib: threadMemoryMib } = options;
    this.#pool = options.threads === undefined ? createCpuPool({ clock, logger, threads, threadMemoryMib }) : undefined;
    this.#executor = new Executor({
      ...{ clock, logger, random, observer, lanes: this.#lanes, resultCharactersMax: options.resultCharactersMax },
      runner: createCommandRunner(options.threads ?? (this.#pool as CpuPool)),
      services: new HandlerServices({
        ...{ store, clock, logger, room: this, lanes: this.#lanes },
        progress: (command, value) => this.#events.progress(command, value),
        freed: () => {
          this.#train.kick();
          this.#executor.wake();
        },
      }),
      mayBegin: () => this.#state === 'running' && this.#keeper.isValid(),
      end: (entry) => this.#train.end(entry),
      freed: () => this.#train.kick(),
    });
    const newTaskId = createUuidV7(() => clock.now());
    this.#webhooks = new Webhooks({
      ...{ store, clock, logger, secret: options.webhookSecret, allowPrivate: options.allowPrivateCallbacks },
      submitMany: (inputs) => this.#intake.submitMany(inputs, true),
    });
    this.#lanes.define([this.#webhooks.definition]);
    const { retention } = options;
    this.#retention = retention === false ? undefined : new Retention({ store, clock, logger, ...retention });
    this.#intake = new Intake({
      ...{ clock, lanes: this.#lanes, train: this.#train, newTaskId },
      nextId: () => ++this.#lastId,
      checkCallback: (url) => this.#webhooks.check(url),
      admission: new Admission({
        lanes: this.#lanes,
        observer,
        depthMax: options.depthMax,
        queueAgeMaxMs: options.queueAgeMaxMs,
        queueAgeMs: (depth) => this.#queueAge.of(depth),
        intakeCharactersMax: options.intakeCharactersMax,
        closedBecause: () => this.#closedBecause(),
      }),
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
    this.#lanes.define(definitions);
    if (this.#state === 'running') this.#train.kick();
  }

  async submit(input: SubmitInput, options: SubmitOptions = {}): Promise<SubmitReceipt> {
    return (await this.#intake.submit(input, options.trace ?? activeTrace() ?? null)).receipt;
  }

  async process(input: SubmitInput, options: WaitOptions & SubmitOptions): Promise<Processed> {
    const waiting = Promise.withResolvers<CommandOutcome | undefined>();
    let leave = () => {};
    // Waits before the command is on its way: its end may come as soon as its acceptance.
    const onBoard = (taskId: string) => {
      leave = this.#waiters.add(taskId, waiting.resolve);
    };
    try {
      const { receipt, known } = await this.#intake.submit(input, options.trace ?? activeTrace() ?? null, onBoard);
      const outcome = known ? await this.#queries.outcome(receipt.taskId) : undefined;
      const isLate = receipt.runAt.getTime() > this.#options.clock.now() + options.waitMs;
      if (outcome !== undefined || isLate) return { receipt, outcome };
      return { receipt, outcome: await outcomeWithin(this.#options.clock, waiting, options) };
    } finally {
      leave();
    }
  }

  check(input: unknown): Promise<void> {
    return this.#intake.check(input);
  }

  submitMany(inputs: readonly unknown[]): Promise<readonly BatchItem[]> {
    return this.#intake.submitMany(inputs);
  }

  async waitForOutcome(taskId: string, options: WaitOptions): Promise<CommandOutcome | undefined> {
    const known = await this.#queries.outcome(taskId);
    if (known !== undefined || options.waitMs <= 0) return known;
    const waiting = Promise.withResolvers<CommandOutcome | undefined>();
    const leave = this.#waiters.add(taskId, waiting.resolve);
    try {
      // Asked again now that the waiter is in place, for an end that came just before.
      return (await this.#queries.outcome(taskId)) ?? (await outcomeWithin(this.#options.clock, waiting, options));
    } finally {
      leave();
    }
  }

  async get(taskId: string, options: Partial<WaitOptions> = {}): Promise<CommandView> {
    const view = await this.#queries.get(taskId);
    const { waitMs = 0, signal } = options;
    if (waitMs <= 0 || isTerminal(view.status)) return view;
    await this.waitForOutcome(taskId, { waitMs, signal });
    return this.#queries.get(taskId);
  }

  list(filter: ListFilter): Promise<Page<CommandView>> {
    return this.#queries.list(filter);
  }

  deadLetters(filter: ListFilter): Promise<Page<CommandView>> {
    return this.#queries.list(filter, true);
  }

  stats(since: Date): Promise<readonly TypeStats[]> {
    return this.#queries.stats(since);
  }

  async cancel(taskId: string): Promise<CommandView> {
    const { task_type: taskType } = await this.#control.cancel(taskId);
    this.#options.observer.ended(taskType, 'CANCELLED', false);
    this.#executor.cancel(taskId);
    return this.#queries.get(taskId);
  }

  async retry(taskId: string): Promise<CommandView> {
    await this.#control.retry(taskId);
    return this.#queries.get(taskId);
  }

  remove(taskId: string): Promise<void> {
    return this.#control.remove(taskId);
  }

  redrive(filter: RedriveFilter): Promise<number> {
    return this.#control.redrive(filter);
  }

  pauseType(taskType: string): Promise<TypeState> {
    return this.#setPaused(taskType, true);
  }

  resumeType(taskType: string): Promise<TypeState> {
    return this.#setPaused(taskType, false);
  }

  watch(taskId: string | undefined, options?: WatchOptions): AsyncIterable<EventMessage> {
    return this.#events.watch(taskId, options);
  }

  eventStats(): EventStats {
    return this.#events.stats();
  }

  snapshot(): CommandsSnapshot {
    const { depth, scheduled } = this.#lanes.totals();
    return {
      depth,
      scheduled,
      active: this.#executor.active,
      queueAgeMs: this.#queueAge.of(depth),
      accepting: this.#closedBecause() === undefined,
      types: [...this.#lanes.all()].map(stateOf),
      cpu: this.#pool?.stats(),
    };
  }

  drain(options: DrainOptions = {}): Promise<void> {
    const { clock } = this.#options;
    const parts = { clock, lanes: this.#lanes, train: this.#train, executor: this.#executor };
    return drain({ ...parts, holdsLeases: () => this.#keeper.isValid() }, options);
  }

  async #open(): Promise<void> {
    const opened = await this.#keeper.open();
    this.#lastId = opened.lastId;
    this.#restore(opened);
    this.#state = 'running';
    if (this.#options.work) {
      this.#train.startClaiming(opened.nextDueAt);
      await this.#webhooks.start();
    }
    await this.#retention?.start();
  }

  #restore(opened: Opened): void {
    const now = this.#options.clock.now();
    const monotonic = this.#options.clock.monotonic();
    this.#lanes.reset(opened.depth);
    for (const taskType of opened.pausedTypes) this.#lanes.setPaused(taskType, true);
    for (const { taskType, key, until } of opened.pausedLanes) this.#lanes.get(taskType)?.pauseKey(key, until);
    for (const [taskType, starts] of Map.groupBy(opened.starts, (start) => start.taskType)) {
      this.#lanes.get(taskType)?.restoreStarts(starts, now, monotonic);
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
    this.#train.stopClaiming();
    this.#executor.returnUnstarted();
    const { clock, shutdownMs } = this.#options;
    await passing(clock, shutdownMs, this.#executor.idleWithin(shutdownMs));
    this.#executor.interruptAll('Millrace is shutting down.');
    await passing(clock, SHUTDOWN_GRACE_MS, this.#executor.idleWithin(SHUTDOWN_GRACE_MS));
    await this.#pool?.stop();
    await this.#webhooks.stop();
    await this.#retention?.stop();
    await passing(clock, QUIET_MS, this.#train.quietWithin(QUIET_MS));
    this.#events.close();
    await this.#keeper.close();
    this.#state = 'stopped';
  }

  #closedBecause(): { reason: string; retryAfterMs: number } | undefined {
    if (this.#retention?.diskIsLow() === true) {
      return { reason: 'The disk is nearly full.', retryAfterMs: DISK_RETRY_MS };
    }
    if (this.#state === 'running') return undefined;
    return { reason: 'Millrace is not taking commands in: it is starting or stopping.', retryAfterMs: 2_000 };
  }

  #onEnded({ ended, command, lane, isResent }: EndEntry, counted: boolean): void {
    if (!counted) {
      if (isResent === true) this.#wake.readBack([command.taskId]);
      return;
    }
    const { observer } = this.#options;
    if (!isTerminal(ended.status)) {
      if (ended.outcome !== 'returned') observer.retried(command.taskType);
      return;
    }
    observer.ended(command.taskType, ended.status, ended.deadLettered === 1);
    lane?.pace.note(ended.endedAt, ended.durationMs);
    if (command.callbackUrl !== null) this.#webhooks.ring();
    this.#wake.ended(command, ended);
  }

  #onExpired(expired: readonly { readonly taskId: string }[], taskType: string): void {
    for (const _ of expired) this.#options.observer.ended(taskType, 'EXPIRED', false);
    this.#wake.readBack(expired.map(({ taskId }) => taskId));
    this.#webhooks.ring();
  }

  #onFailedWrite(error: unknown): void {
    this.#drift.noteFailure(error);
    this.#train.kick();
  }

  #onLost(): void {
    this.#executor.returnUnstarted();
    this.#executor.interruptAll('The lease was lost.');
  }

  #onRescued(rescued: Rescued): void {
    const { depth, count, poisoned } = rescued;
    this.#lanes.apply(depth);
    this.#events.onStored(rescued);
    const { observer } = this.#options;
    if (count > 0) observer.leasesExpired(count);
    for (const { taskType } of poisoned) observer.ended(taskType, 'FAILURE', true);
    this.#wake.readBack(poisoned.map(({ taskId }) => taskId));
    if (poisoned.length > 0) this.#webhooks.ring();
    // What a dead process did last was never told to us.
    if (rescued.workers > 0 && this.#state === 'running') this.#drift.need();
    this.#train.kick();
  }

  #onControl(result: ControlResult): void {
    this.#lanes.apply(result.depth);
    this.#events.onStored(result);
    this.#train.kick();
    this.#wake.readBack(result.before.map((row) => row.task_id));
    this.#webhooks.ring();
  }

  async #setPaused(taskType: string, paused: boolean): Promise<TypeState> {
    await this.#control.setPaused(taskType, paused);
    const lane = this.#lanes.setPaused(taskType, paused);
    this.#train.kick();
    return lane === undefined ? { taskType, paused, depth: 0, running: 0 } : stateOf(lane);
  }
}

function stateOf(lane: Lane): TypeState {
  return { taskType: lane.type.name, paused: lane.paused, depth: lane.depth, running: lane.running };
}
