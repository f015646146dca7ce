import type {
  BatchItem,
  CommandDefinition,
  CommandEvent,
  CommandOutcome,
  CommandReset,
  CommandStatus,
  CommandView,
  Page,
  Service,
  SubmitInput,
} from '@millrace/kit';
import type { CpuPoolStats } from './cpu-pool.ts';
import type { DrainOptions } from './drain.ts';
import type { EventStats } from './event-hub.ts';

/** What a submission came to, once it is durable. */
export interface SubmitReceipt {
  readonly taskId: string;
  readonly status: CommandStatus;
  /** True when the same command had been submitted before: nothing new was stored. */
  readonly replay: boolean;
  /** O(1) guess: commands of its type that start before it; 0 when it has started or ended. */
  readonly queuePosition: number;
  /** O(1) guess. */
  readonly estimatedCompletion: Date;
  /** When it may start at the earliest. */
  readonly runAt: Date;
}

export interface WaitOptions {
  /** At most this long, in ms. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a caller that waits gets: the outcome when it came in time, else the receipt. */
export interface Processed {
  readonly receipt: SubmitReceipt;
  readonly outcome: CommandOutcome | undefined;
}

export interface SubmitOptions {
  /** W3C `traceparent` of the caller; the handler runs in its context. Default: the active OpenTelemetry span's. */
  readonly trace?: string | undefined;
}

export interface ListFilter {
  readonly status?: CommandStatus | undefined;
  readonly taskType?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly createdFrom?: Date | undefined;
  readonly createdTo?: Date | undefined;
  /** Default 50, at most 1,000. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  /** Leaves payload, metadata and result unread, which may be large; default false. */
  readonly brief?: boolean | undefined;
}

export interface RedriveFilter {
  readonly taskType?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly finishedFrom?: Date | undefined;
  readonly finishedTo?: Date | undefined;
  /** At most this many are redriven; default and cap 10,000. */
  readonly limit?: number | undefined;
}

export interface TypeStats {
  readonly taskType: string;
  /** Commands that ended since then. */
  readonly count: number;
  /** Mean handler time in ms. */
  readonly avgDuration: number;
  readonly statuses: Readonly<Record<string, number>>;
}

export interface TypeState {
  readonly taskType: string;
  readonly paused: boolean;
  /** Due and not started. */
  readonly depth: number;
  readonly running: number;
}

export type EventMessage = CommandEvent | CommandReset;

export interface WatchOptions {
  /** Resume after this event of the same stream. */
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Counts that the page at `/` and the gauges show. All O(1). */
export interface CommandsSnapshot {
  readonly depth: number;
  readonly scheduled: number;
  readonly active: number;
  /** Age in ms of the oldest due command that has not started, at the last look. */
  readonly queueAgeMs: number;
  readonly accepting: boolean;
  readonly types: readonly TypeState[];
  /** The threads of `cpu: true` types; `undefined` where somebody else runs those. */
  readonly cpu: CpuPoolStats | undefined;
}

/**
 * The façade of the room: everything that HTTP, CLI, WebSocket and other rooms do with commands goes through here.
 * Errors are `AppError`s with the codes of `errors.ts`.
 */
export interface Commands extends Service {
  /** Adds types that this process runs. Before `start`, or later for types that another room brings. */
  define(definitions: readonly CommandDefinition[]): void;
  /** Resolves once the command is durable. @throws VALIDATION_ERROR, COMMAND_CONFLICT, OVERLOADED, … */
  submit(input: SubmitInput, options?: SubmitOptions): Promise<SubmitReceipt>;
  /** Submits, then waits for the end; not at all when it is due only after the wait. */
  process(input: SubmitInput, options: WaitOptions & SubmitOptions): Promise<Processed>;
  /** Refuses what `submit` would refuse for its form, its type or its payload; stores nothing. @throws VALIDATION_ERROR, UNKNOWN_TASK_TYPE */
  check(input: unknown): Promise<void>;
  /** One answer per item, in order; a bad item fails alone. */
  submitMany(inputs: readonly unknown[]): Promise<readonly BatchItem[]>;
  /** The outcome, or `undefined` when it has not ended within the wait. @throws COMMAND_NOT_FOUND */
  waitForOutcome(taskId: string, options: WaitOptions): Promise<CommandOutcome | undefined>;
  /** The command after at most `waitMs`, sooner when it ends. @throws COMMAND_NOT_FOUND */
  get(taskId: string, options?: Partial<WaitOptions>): Promise<CommandView>;
  list(filter: ListFilter): Promise<Page<CommandView>>;
  deadLetters(filter: ListFilter): Promise<Page<CommandView>>;
  stats(since: Date): Promise<readonly TypeStats[]>;
  /** Ends a command that has not ended; its handler's signal aborts. @throws COMMAND_NOT_FOUND, COMMAND_ALREADY_ENDED */
  cancel(taskId: string): Promise<CommandView>;
  /** Opens the next run of a command that ended without success. @throws COMMAND_NOT_FOUND, COMMAND_NOT_RETRYABLE */
  retry(taskId: string): Promise<CommandView>;
  /** Forgets a command that has ended; its taskId is new again. @throws COMMAND_NOT_FOUND, COMMAND_NOT_ENDED */
  remove(taskId: string): Promise<void>;
  /** Opens the next run of dead-lettered commands; returns how many. */
  redrive(filter: RedriveFilter): Promise<number>;
  /** Stops claiming a type; what runs goes on. Remembered across restarts. */
  pauseType(taskType: string): Promise<TypeState>;
  resumeType(taskType: string): Promise<TypeState>;
  /** Events of one command (`taskId`) or of all (`undefined`): stored ones after `lastEventId`, then live ones. */
  watch(taskId: string | undefined, options?: WatchOptions): AsyncIterable<EventMessage>;
  snapshot(): CommandsSnapshot;
  /** How many streams of events are open and what they cost, for gauges. O(1). */
  eventStats(): EventStats;
  /**
   * Waits until nothing is running, due, or due within `withinMs` (60,000; retries and delayed commands count). With a
   * virtual clock it moves time itself and looks 30 days ahead. @throws the signal's reason
   */
  drain(options?: DrainOptions): Promise<void>;
}
