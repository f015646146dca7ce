import type { Clock, Logger, Random, Timer } from '@millrace/kit';
import { AttemptContext, type ContextServices } from './attempt-context.ts';
import { endOf, type HandlerOutcome } from './attempt-end.ts';
import { type LeasedCommand, SUSPECT_CRASHES } from './command.ts';
import type { CommandRunner } from './command-runner.ts';
import type { EndEntry } from './commit-train.ts';
import { ExpiryAlarm } from './expiry-alarm.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { CommandsObserver } from './observer.ts';

/** How long the event loop is given to starting handlers before others have their turn, in ms. */
const START_SLICE_MS = 5;

/**
 * Handlers that return a promise have their work still before them when they have been started, all in one go after
 * us: so many before others have their turn.
 */
const ASYNC_STARTS_MAX = 16;

/** How long a handler may go on after its signal has aborted before it is given up, in ms. */
export const ABORT_GRACE_MS = 2_000;

export interface ExecutorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
  readonly lanes: Lanes;
  readonly resultCharactersMax: number;
  readonly runner: CommandRunner;
  readonly services: ContextServices;
  readonly observer: CommandsObserver;
  /** Whether handlers may begin: the leases hold and nobody has asked this process to stop. */
  readonly mayBegin: () => boolean;
  /** Where ends go. */
  readonly end: (entry: EndEntry) => void;
  /** A slot is free although nothing ended: claim again. */
  readonly freed: () => void;
}

/** A handler at work. */
interface Running {
  readonly command: LeasedCommand;
  readonly lane: Lane;
  readonly startedAt: number;
  readonly startedMonotonic: number;
  readonly context: AttemptContext;
  timer: Timer | undefined;
  /** Decided before the handler settled: by its deadline, a cancellation or an interruption. */
  verdict: HandlerOutcome | 'cancelled' | undefined;
}

/** Runs the handlers of leased commands, watches their deadlines and reports how they ended. */
export class Executor {
  readonly #options: ExecutorOptions;
  /** Rings for commands that are leased and wait behind others. */
  readonly #expiry: ExpiryAlarm;
  readonly #running = new Set<Running>();
  /** The newest attempt of each: an aborted one may be in its grace when its command is run again. */
  readonly #byTaskId = new Map<string, Running>();
  #queue: LeasedCommand[] = [];
  #queueHead = 0;
  #pumping = false;
  #resting = false;
  #idle: (() => void)[] = [];
  /** Suspects among the leased. */
  #suspects = 0;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#expiry = new ExpiryAlarm(options.clock, () => {
      this.#expiry.off();
      this.#pump();
    });
  }

  /** Handlers at work. */
  get active(): number {
    return this.#running.size;
  }

  /** Handlers that went on after their grace and were given up, since the start. */
  abandoned = 0;

  start(commands: readonly LeasedCommand[]): void {
    if (commands.length === 0) return;
    for (const command of commands) {
      this.#queue.push(command);
      if (isSuspect(command)) this.#suspects += 1;
    }
    this.#pump();
  }

  /** A handler has given its slot away: one that was held back for it may begin. Never before that handler returns. */
  wake(): void {
    if (this.#queue.length > 0) queueMicrotask(() => this.#pump());
  }

  /** Aborts the handler of a command that was cancelled; its slot is freed when it settles. */
  cancel(taskId: string): void {
    const running = this.#byTaskId.get(taskId);
    if (running !== undefined) this.#interrupt(running, 'cancelled', 'The command was cancelled.');
    else this.#dropQueued(taskId);
  }

  /** What handlers work on or wait to work on. */
  leases(): (readonly [id: number, lease: number])[] {
    const running = [...this.#running].map(({ command }) => command);
    return [...running, ...this.#queue.slice(this.#queueHead)].map(({ id, lease }) => [id, lease] as const);
  }

  /** Whether a suspect works or waits to; one that waits for its children does not count, it might wait for another. */
  hasSuspect(): boolean {
    if (this.#suspects === 0) return false;
    const parked = [...this.#running].filter(({ command, context }) => isSuspect(command) && context.isParked);
    return this.#suspects > parked.length;
  }

  /** Gives back what has not begun. */
  returnUnstarted(): void {
    const waiting = this.#queue.slice(this.#queueHead);
    this.#queue = [];
    this.#queueHead = 0;
    for (const command of waiting) this.#endUnstarted(command);
  }

  /** Aborts every handler: its command is run again, by whoever claims it. */
  interruptAll(reason: string): void {
    for (const running of [...this.#running]) {
      this.#interrupt(running, { kind: 'interrupted', reason }, reason);
    }
  }

  /** Resolves when no handler is at work. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Resolves when no handler is at work, at the latest after so many ms. */
  async idleWithin(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.schedule(ms, resolve);
    await Promise.race([promise, this.idle()]);
    timer.cancel();
  }

  /** Starts what fits; between slices of `START_SLICE_MS` the event loop serves others. */
  #pump(): void {
    if (this.#pumping || this.#resting) return;
    const { clock, mayBegin } = this.#options;
    if (!mayBegin()) {
      this.returnUnstarted();
      return;
    }
    const until = clock.monotonic() + START_SLICE_MS;
    const held: LeasedCommand[] = [];
    let promises = 0;
    this.#pumping = true;
    while (this.#queueHead < this.#queue.length && promises < ASYNC_STARTS_MAX && clock.monotonic() < until) {
      const command = this.#queue[this.#queueHead++] as LeasedCommand;
      const lane = this.#options.lanes.get(command.taskType);
      if (lane === undefined) continue;
      if (command.expiresAt !== null && command.expiresAt <= clock.now()) this.#endUnstarted(command);
      else if (lane.roomToBegin <= 0) {
        held.push(command);
        this.#expiry.expect(command.expiresAt);
      } else if (this.#begin(command, lane)) promises += 1;
    }
    this.#pumping = false;
    const rest = this.#queue.slice(this.#queueHead);
    this.#queue = held.length === 0 ? rest : [...held, ...rest];
    this.#queueHead = 0;
    if (rest.length > 0) this.#rest();
  }

  /** Lets others have their turn before more handlers start. */
  #rest(): void {
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#pump();
    });
  }

  /** @returns whether the handler has work before it still */
  #begin(command: LeasedCommand, lane: Lane): boolean {
    const { clock, services, runner, observer } = this.#options;
    const monotonic = clock.monotonic();
    const context = new AttemptContext(command, services);
    const running: Running = {
      command,
      lane,
      startedAt: clock.now(),
      startedMonotonic: monotonic,
      context,
      timer: undefined,
      verdict: undefined,
    };
    observer.started(command.taskType, Math.max(0, running.startedAt - command.dueAt));
    lane.started(command.concurrencyKey, monotonic);
    lane.running += 1;
    this.#running.add(running);
    this.#byTaskId.set(command.taskId, running);
    let answer: unknown;
    try {
      answer = runner.run(lane.type, command, context);
    } catch (error) {
      this.#settle(running, { kind: 'threw', error });
      return false;
    }
    if (!isThenable(answer)) {
      this.#settle(running, { kind: 'returned', value: answer });
      return false;
    }
    this.#watchDeadline(running, command.timeoutMs);
    answer.then(
      (value) => this.#settle(running, { kind: 'returned', value }),
      (error: unknown) => this.#settle(running, { kind: 'threw', error }),
    );
    return true;
  }

  #watchDeadline(running: Running, delayMs: number): void {
    running.timer = this.#options.clock.schedule(delayMs, () => {
      // Time spent waiting for children or for a thread is not the handler's own.
      const left = running.command.timeoutMs + running.context.heldMs() - this.#elapsed(running);
      if (left > 0) this.#watchDeadline(running, left);
      else this.#interrupt(running, { kind: 'timeout' }, `The deadline of ${running.command.timeoutMs} ms has passed.`);
    });
  }

  /** Decides an attempt while its handler is at work: it is told, and has a short grace to settle. */
  #interrupt(running: Running, verdict: HandlerOutcome | 'cancelled', reason: string): void {
    if (running.verdict !== undefined) return;
    running.verdict = verdict;
    running.timer?.cancel();
    running.timer = this.#options.clock.schedule(ABORT_GRACE_MS, () => {
      this.abandoned += 1;
      const { taskId, taskType } = running.command;
      this.#options.observer.abandoned(taskType);
      this.#options.logger.warn('A handler ignored its abort signal and was given up', {
        taskId,
        metadata: { taskType },
      });
      this.#settle(running, { kind: 'interrupted', reason });
    });
    running.context.abort(reason);
  }

  #settle(running: Running, outcome: HandlerOutcome): void {
    const { command, lane, verdict } = running;
    if (!this.#running.delete(running)) return;
    running.timer?.cancel();
    running.context.close();
    if (this.#byTaskId.get(command.taskId) === running) this.#byTaskId.delete(command.taskId);
    lane.running -= 1;
    this.#letGo(command);
    this.#options.observer.settled(command.taskType, this.#elapsed(running));
    if (verdict === 'cancelled') {
      lane.free(command.concurrencyKey, false);
      lane.blocked = false;
      this.#options.freed();
    } else {
      this.#report(running, verdict ?? outcome);
    }
    if (this.#queue.length > 0) this.#pump();
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #report({ command, lane, startedAt, ...running }: Running, outcome: HandlerOutcome): void {
    const { clock, random, resultCharactersMax } = this.#options;
    const ended = endOf(command, outcome, {
      type: lane.type,
      now: clock.now(),
      startedAt,
      durationMs: clock.monotonic() - running.startedMonotonic,
      random,
      resultCharactersMax,
    });
    this.#options.end({ ended, command, lane });
  }

  #endUnstarted(command: LeasedCommand): void {
    this.#letGo(command);
    const { clock, lanes, random, resultCharactersMax } = this.#options;
    const lane = lanes.get(command.taskType);
    if (lane === undefined) return;
    const context = { type: lane.type, now: clock.now(), startedAt: null, durationMs: 0, random, resultCharactersMax };
    this.#options.end({ ended: endOf(command, { kind: 'unstarted' }, context), command, lane });
  }

  #dropQueued(taskId: string): void {
    const index = this.#queue.findIndex((command, at) => at >= this.#queueHead && command.taskId === taskId);
    const [command] = index < 0 ? [] : this.#queue.splice(index, 1);
    if (command === undefined) return;
    this.#letGo(command);
    const lane = this.#options.lanes.get(command.taskType);
    lane?.free(command.concurrencyKey, true);
    this.#options.freed();
  }

  #letGo(command: LeasedCommand): void {
    if (!isSuspect(command)) return;
    this.#suspects -= 1;
    this.#options.lanes.unblock();
  }

  #elapsed(running: Running): number {
    return this.#options.clock.monotonic() - running.startedMonotonic;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function isSuspect({ crashes }: LeasedCommand): boolean {
  return crashes >= SUSPECT_CRASHES;
}
