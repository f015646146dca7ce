import type { CommandContext, CommandOutcome, Logger, SubmitInput } from '@millrace/kit';
import type { LeasedCommand } from './command.ts';
import type { ParkedSlot } from './parked-slot.ts';

/** What handlers reach through their context; the room supplies it. */
export interface ContextServices {
  readonly logger: Logger;
  readonly now: () => number;
  readonly progress: (command: LeasedCommand, value: unknown) => void;
  readonly submitChild: (parent: LeasedCommand, ordinal: number, input: SubmitInput) => Promise<{ taskId: string }>;
  readonly waitFor: (
    parent: LeasedCommand,
    taskIds: readonly string[],
    signal: AbortSignal,
  ) => Promise<readonly CommandOutcome[]>;
  readonly step: (parent: LeasedCommand, name: string, run: (idempotencyKey: string) => unknown) => Promise<unknown>;
  /** Gives the command's slot to others until it is taken back. */
  readonly park: (command: LeasedCommand) => ParkedSlot | undefined;
}

/** What one attempt's handler may use. Built for every attempt, so nothing costs before it is used. */
export class AttemptContext implements CommandContext {
  readonly #command: LeasedCommand;
  readonly #services: ContextServices;
  readonly #startedAt: number;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #log: Logger | undefined;
  #children = 0;
  #heldMs = 0;
  #heldAt: number | undefined;
  #holds = 0;
  #waits = 0;
  #parked: ParkedSlot | undefined;
  /** Steps that run now: one that is asked for twice at once is run once. */
  #steps: Map<string, Promise<unknown>> | undefined;
  #closed = false;

  constructor(command: LeasedCommand, services: ContextServices) {
    this.#command = command;
    this.#services = services;
    this.#startedAt = services.now();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get attempt(): number {
    return this.#command.attempt;
  }

  get deadline(): Date {
    return new Date(this.#startedAt + this.#command.timeoutMs + this.heldMs());
  }

  get log(): Logger {
    this.#log ??= commandLogger(this.#services.logger, this.#command);
    return this.#log;
  }

  // Handlers take their context apart (`{ step, progress }`), so these are functions that need no receiver.

  get progress(): CommandContext['progress'] {
    return (value) => {
      if (!this.#closed) this.#services.progress(this.#command, value);
    };
  }

  get submit(): CommandContext['submit'] {
    return (input) => this.#submit(input);
  }

  get waitFor(): CommandContext['waitFor'] {
    return (children) => this.#waitFor(children);
  }

  get step(): CommandContext['step'] {
    return (name, fn) => this.#step(name, fn);
  }

  #submit(input: SubmitInput): Promise<{ readonly taskId: string }> {
    this.#children += 1;
    return this.#services.submitChild(this.#command, this.#children, input);
  }

  async #waitFor(children: readonly (string | { readonly taskId: string })[]): Promise<readonly CommandOutcome[]> {
    const taskIds = children.map((child) => (typeof child === 'string' ? child : child.taskId));
    const leave = this.#enterWait();
    try {
      return await this.#services.waitFor(this.#command, taskIds, this.signal);
    } finally {
      await leave();
    }
  }

  #step<TResult>(
    name: string,
    fn: (step: { readonly idempotencyKey: string; readonly signal: AbortSignal }) => TResult | Promise<TResult>,
  ): Promise<TResult> {
    const underWay = this.#steps?.get(name);
    if (underWay !== undefined) return underWay as Promise<TResult>;
    const run = (idempotencyKey: string) => fn({ idempotencyKey, signal: this.signal });
    this.#steps ??= new Map();
    const done = this.#services.step(this.#command, name, run).finally(() => this.#steps?.delete(name));
    this.#steps.set(name, done);
    return done as Promise<TResult>;
  }

  /** Time that is not the handler's own, in ms: spent waiting for children or for a thread. */
  heldMs(): number {
    return this.#heldMs + (this.#heldAt === undefined ? 0 : this.#services.now() - this.#heldAt);
  }

  /** Stops the attempt's time until the answer is called. */
  holdDeadline(): () => void {
    this.#holds += 1;
    this.#heldAt ??= this.#services.now();
    return () => {
      this.#holds -= 1;
      if (this.#holds > 0) return;
      this.#heldMs = this.heldMs();
      this.#heldAt = undefined;
    };
  }

  /** Whether it waits for children now and has given its slot away. */
  get isParked(): boolean {
    return this.#waits > 0;
  }

  /** Tells the handler to stop. */
  abort(reason: string): void {
    this.#abortReason = new DOMException(reason, 'AbortError');
    this.#controller?.abort(this.#abortReason);
  }

  /** The attempt is over: what the handler still reports is dropped. */
  close(): void {
    this.#closed = true;
    this.#parked?.close();
  }

  /** Gives the slot away with the first wait and takes it back after the last of those that overlap. */
  #enterWait(): () => Promise<void> {
    this.#waits += 1;
    if (this.#waits === 1 && !this.#closed) this.#parked = this.#services.park(this.#command);
    const goOn = this.holdDeadline();
    return async () => {
      this.#waits -= 1;
      if (this.#waits === 0 && !this.#closed) await this.#parked?.takeBack();
      goOn();
    };
  }
}

function commandLogger(logger: Logger, command: LeasedCommand): Logger {
  const more = { taskId: command.taskId, correlationId: command.correlationId ?? undefined };
  return {
    isEnabled: (level) => logger.isEnabled(level),
    debug: (message, fields) => logger.debug(message, { ...more, ...fields }),
    info: (message, fields) => logger.info(message, { ...more, ...fields }),
    warn: (message, fields) => logger.warn(message, { ...more, ...fields }),
    error: (message, fields) => logger.error(message, { ...more, ...fields }),
  };
}
