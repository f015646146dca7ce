import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Static, TSchema } from 'typebox';
import type { CommandMetadata, CommandOutcome, SubmitInput } from './command-api.ts';
import type { Logger } from './logger.ts';

/** TypeBox (JSON Schema) or any Standard Schema: zod, valibot, arktype. */
export type ValueSchema = TSchema | StandardSchemaV1;

/** The value that a schema lets through. */
export type ValueOf<TSchemaType> = TSchemaType extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<TSchemaType>
  : TSchemaType extends TSchema
    ? Static<TSchemaType>
    : unknown;

/** A command as its handler sees it. */
export interface Command<TPayload = unknown> {
  readonly taskId: string;
  readonly taskType: string;
  readonly payload: TPayload;
  readonly metadata: CommandMetadata;
  readonly correlationId: string | undefined;
  readonly concurrencyKey: string | undefined;
  readonly createdAt: Date;
  /** 1 for the first run; a retry or redrive by an operator opens the next. */
  readonly run: number;
}

/** What a handler may use while it runs. */
export interface CommandContext {
  /** Aborts at the deadline, on cancellation, on loss of the lease and at shutdown. Pass it on. */
  readonly signal: AbortSignal;
  /** Which handler start of this run it is, from 1. */
  readonly attempt: number;
  /** When this attempt times out. */
  readonly deadline: Date;
  readonly log: Logger;
  /** Tells watchers how far it is; kept in a small ring, never stored. Must be JSON. */
  progress(value: unknown): void;
  /**
   * Submits a child. The same call of a later attempt (n-th `submit` of the handler, or the same `taskId`) finds the
   * child of the earlier one.
   */
  submit(input: SubmitInput): Promise<{ readonly taskId: string }>;
  /** Waits for children to end, in any state, and gives this command's slot to others meanwhile. */
  waitFor(children: readonly (string | { readonly taskId: string })[]): Promise<readonly CommandOutcome[]>;
  /**
   * Runs `fn` once: when its result has been committed, a later attempt gets that result without running it. Between
   * the provider's answer and our commit a crash repeats the call: hand `idempotencyKey` to the provider to close
   * that gap.
   */
  step<TResult>(
    name: string,
    fn: (step: { readonly idempotencyKey: string; readonly signal: AbortSignal }) => TResult | Promise<TResult>,
  ): Promise<TResult>;
}

/** At most `limit` starts in any window of `perMs` milliseconds. */
export interface RateLimit {
  readonly limit: number;
  readonly perMs: number;
}

/** How failed attempts are repeated: full jitter over an exponential ceiling. */
export interface RetryPolicy {
  /** Attempts in all, the first included. Default 3. */
  readonly maxAttempts: number;
  /** Ceiling of the first delay in ms. Default 100. */
  readonly initialDelayMs: number;
  /** Ceiling that delays never exceed, in ms. Default 10,000. */
  readonly maxDelayMs: number;
  /** Growth of the ceiling from attempt to attempt. Default 2. */
  readonly factor: number;
}

/** Limits of one lane: a task type as a whole, or one `concurrencyKey` of it. */
export interface LaneLimits {
  /** Commands running at once across the fleet. */
  readonly concurrency?: number;
  /** Commands running at once in one process. Default: as `concurrency`. */
  readonly localConcurrency?: number;
  readonly rate?: RateLimit;
}

interface DefinitionBase<TPayloadSchema extends ValueSchema, TResultSchema extends ValueSchema> extends LaneLimits {
  /** The `taskType`: letters, digits, `_`, `-`, `.`; up to 100. */
  readonly type: string;
  readonly payload?: TPayloadSchema;
  readonly result?: TResultSchema;
  /** Milliseconds per attempt where the submitter says nothing. Default 300,000. */
  readonly timeoutMs?: number;
  readonly retries?: Partial<RetryPolicy>;
  /** Limits that each `concurrencyKey` has for itself, beneath the type's. */
  readonly perKey?: LaneLimits;
}

export type CommandHandler<TPayload = unknown, TResult = unknown> = (
  command: Command<TPayload>,
  context: CommandContext,
) => TResult | Promise<TResult>;

/** A type of command that runs on the event loop. */
export interface InlineDefinition<
  TPayloadSchema extends ValueSchema = ValueSchema,
  TResultSchema extends ValueSchema = ValueSchema,
> extends DefinitionBase<TPayloadSchema, TResultSchema> {
  readonly cpu?: false;
  readonly handler: CommandHandler<ValueOf<TPayloadSchema>, unknown>;
}

/** A type of command that runs in a worker thread: `handler` names a module that exports a function `handler`. */
export interface CpuDefinition<
  TPayloadSchema extends ValueSchema = ValueSchema,
  TResultSchema extends ValueSchema = ValueSchema,
> extends DefinitionBase<TPayloadSchema, TResultSchema> {
  readonly cpu: true;
  readonly handler: URL;
}

export type CommandDefinition<
  TPayloadSchema extends ValueSchema = ValueSchema,
  TResultSchema extends ValueSchema = ValueSchema,
> = InlineDefinition<TPayloadSchema, TResultSchema> | CpuDefinition<TPayloadSchema, TResultSchema>;

const definitions = new WeakSet<object>();

/** Declares a type of command. The result is inert: give it to `createMillrace` or export it for `millrace start --handlers`. */
export function defineCommand<TPayloadSchema extends ValueSchema, TResultSchema extends ValueSchema>(
  definition: CommandDefinition<TPayloadSchema, TResultSchema>,
): CommandDefinition<TPayloadSchema, TResultSchema> {
  const frozen = Object.freeze({ ...definition });
  definitions.add(frozen);
  return frozen;
}

/** Whether a value was made by `defineCommand`, of this copy of the package or of another. */
export function isCommandDefinition(value: unknown): value is CommandDefinition {
  if (typeof value !== 'object' || value === null) return false;
  if (definitions.has(value)) return true;
  const { type, handler } = value as { type?: unknown; handler?: unknown };
  return typeof type === 'string' && (typeof handler === 'function' || handler instanceof URL);
}
