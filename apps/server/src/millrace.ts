import { resolve } from 'node:path';
import type { PayloadOf, SubmitFields, TaskRef } from '@millrace/client';
import type { Commands, DrainOptions, SubmitReceipt, WatchOptions } from '@millrace/commands';
import { lockDataDirectory } from '@millrace/engines/store';
import {
  type CommandDefinition,
  type CommandEvent,
  type CommandOutcome,
  type CommandReset,
  type Service,
  type SubmitInput,
  type ValueOf,
  type ValueSchema,
  VirtualClock,
} from '@millrace/kit';
import { prepareDataDirectory } from './data-directory.ts';
import { serverError } from './errors.ts';
import { type MillraceOptions, type ResolvedMillraceOptions, resolveMillraceOptions } from './millrace-options.ts';
import { openRooms, type Rooms } from './rooms.ts';

/** Millrace inside a program: what `millrace start` runs, without the command line. */
export interface Millrace extends Service {
  /** `http://host:port` once started. @throws NOT_STARTED before, and when there is no HTTP */
  readonly url: string;
  /** The room itself: everything that HTTP can do. @throws NOT_STARTED */
  readonly commands: Commands;
  /** Submits a command; it is durable when this resolves. @throws VALIDATION_ERROR, COMMAND_CONFLICT, OVERLOADED, … */
  submit(input: SubmitInput): Promise<SubmitReceipt>;
  /** The same, typed by a definition: what `result` gives for the receipt is typed too. */
  submit<TPayloadSchema extends ValueSchema, TResultSchema extends ValueSchema>(
    definition: CommandDefinition<TPayloadSchema, TResultSchema>,
    payload: PayloadOf<TPayloadSchema>,
    fields?: SubmitFields,
  ): Promise<TypedReceipt<ValueOf<TResultSchema>>>;
  /** The outcome, or `undefined` when it has not come within `waitMs` (default 30,000). @throws COMMAND_NOT_FOUND */
  result<TResult>(task: TaskRef<TResult>, options?: ResultOptions): Promise<CommandOutcome<TResult> | undefined>;
  /** The events of a command, or of all of them. */
  watch(taskId?: string, options?: WatchOptions): AsyncIterable<CommandEvent | CommandReset>;
  /** Waits until nothing is due or running; a virtual clock is moved as far as that needs. */
  drain(options?: DrainOptions): Promise<void>;
  /** With a virtual clock (`test: true`): runs what is due, moves the clock, runs what falls due. @throws CLOCK_NOT_VIRTUAL */
  advance(ms: number): Promise<void>;
}

/** A receipt that knows the type of the result. */
export type TypedReceipt<TResult> = SubmitReceipt & Exclude<TaskRef<TResult>, string>;

export interface ResultOptions {
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const RESULT_WAIT_MS = 30_000;

/** Composes the program from its rooms. Nothing is opened before `start()`. */
export function createMillrace(options: MillraceOptions = {}): Millrace {
  return new MillraceProgram(resolveMillraceOptions(options));
}

class MillraceProgram implements Millrace {
  readonly #options: ResolvedMillraceOptions;
  #rooms: Rooms | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Frees the data directory. */
  #lock: Disposable | undefined;

  constructor(options: ResolvedMillraceOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#rooms?.url ?? missing('url');
  }

  get commands(): Commands {
    return this.#rooms?.commands ?? missing('commands');
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async submit(
    first: SubmitInput | CommandDefinition,
    payload?: unknown,
    fields?: SubmitFields,
  ): Promise<SubmitReceipt> {
    const input: SubmitInput = 'taskType' in first ? first : { ...fields, taskType: first.type, payload };
    return this.commands.submit(input);
  }

  async result<TResult>(
    task: TaskRef<TResult>,
    options: ResultOptions = {},
  ): Promise<CommandOutcome<TResult> | undefined> {
    const { waitMs = RESULT_WAIT_MS, signal } = options;
    const taskId = typeof task === 'string' ? task : task.taskId;
    const outcome = await this.commands.waitForOutcome(taskId, { waitMs, signal });
    return outcome as CommandOutcome<TResult> | undefined;
  }

  watch(taskId?: string, options?: WatchOptions): AsyncIterable<CommandEvent | CommandReset> {
    return this.commands.watch(taskId, options);
  }

  async drain(options?: DrainOptions): Promise<void> {
    await this.commands.drain(options);
  }

  async advance(ms: number): Promise<void> {
    const { clock } = this.#options;
    if (!(clock instanceof VirtualClock)) throw serverError('CLOCK_NOT_VIRTUAL');
    await this.commands.drain({ withinMs: 0 });
    clock.advance(ms);
    await this.commands.drain({ withinMs: 0 });
  }

  async #start(): Promise<void> {
    const options = { ...this.#options, dataDir: resolve(this.#options.dataDir) };
    if (options.store === 'disk') {
      prepareDataDirectory(options.dataDir);
      this.#lock = lockDataDirectory(options.dataDir);
    }
    try {
      this.#rooms = await openRooms(options);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#rooms?.stop();
    this.#release();
  }

  #release(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }
}

function missing(what: string): never {
  throw serverError('NOT_STARTED', { details: { what } });
}
