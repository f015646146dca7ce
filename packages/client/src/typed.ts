import type {
  CommandDefinition,
  CommandOutcome,
  CommandStatus,
  SubmitInput,
  ValueOf,
  ValueSchema,
} from '@millrace/kit';

/** What a submitter gives for a schema: before its defaults and transformations. */
export type PayloadOf<TSchemaType> = TSchemaType extends { readonly '~standard': { readonly types?: infer TTypes } }
  ? NonNullable<TTypes> extends { readonly input: infer TInput }
    ? TInput
    : unknown
  : ValueOf<TSchemaType>;

/** What the submission says besides type and payload. */
export type SubmitFields = Omit<SubmitInput, 'taskType' | 'payload'>;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Carries the type of a result through to `result()`; no such field exists. */
declare const resultType: unique symbol;

/** A command's id, or anything that has one and knows the type of its result. */
export type TaskRef<TResult = unknown> = string | { readonly taskId: string; readonly [resultType]?: TResult };

/** What became of a submission. The command is durable. */
export interface SubmittedTask<TResult = unknown> {
  readonly taskId: string;
  /** True when the same command had been submitted before: nothing new was stored. */
  readonly replay: boolean;
  /** `ACCEPTED`; of a replay, the state of the first one. */
  readonly status: 'ACCEPTED' | CommandStatus;
  /** Commands of its type that start before it: a guess. */
  readonly queuePosition?: number;
  /** ISO 8601 instant: a guess. */
  readonly estimatedCompletion?: string;
  /** Of a replay whose first one has ended. */
  readonly outcome?: CommandOutcome<TResult>;
  readonly [resultType]?: TResult;
}

/** The two ways to name work: by its definition, which types payload and result, or by plain fields. */
export interface Submitter {
  <TPayloadSchema extends ValueSchema, TResultSchema extends ValueSchema>(
    definition: CommandDefinition<TPayloadSchema, TResultSchema>,
    payload: PayloadOf<TPayloadSchema>,
    options?: SubmitFields & CallOptions,
  ): Promise<SubmittedTask<ValueOf<TResultSchema>>>;
  <TResult = unknown>(input: SubmitInput, options?: CallOptions): Promise<SubmittedTask<TResult>>;
}

/** As `Submitter`, for calls that wait for the outcome. */
export interface Processor {
  <TPayloadSchema extends ValueSchema, TResultSchema extends ValueSchema>(
    definition: CommandDefinition<TPayloadSchema, TResultSchema>,
    payload: PayloadOf<TPayloadSchema>,
    options?: SubmitFields & CallOptions & { readonly waitMs?: number | undefined },
  ): Promise<ProcessAnswer<ValueOf<TResultSchema>>>;
  <TResult = unknown>(
    input: SubmitInput,
    options?: CallOptions & { readonly waitMs?: number | undefined },
  ): Promise<ProcessAnswer<TResult>>;
}

/** The outcome when it came within the wait (`outcome`), and the accepted task in any case. */
export interface ProcessAnswer<TResult = unknown> extends SubmittedTask<TResult> {
  readonly outcome?: CommandOutcome<TResult>;
}

/** The two forms of a call, brought to one. */
export function readSubmission(
  first: CommandDefinition | SubmitInput,
  second: unknown,
  third: (SubmitFields & CallOptions & { readonly waitMs?: number | undefined }) | undefined,
): { readonly input: SubmitInput; readonly signal: AbortSignal | undefined; readonly waitMs: number | undefined } {
  if ('taskType' in first) {
    const options = (second ?? {}) as CallOptions & { readonly waitMs?: number | undefined };
    return { input: first, signal: options.signal, waitMs: options.waitMs };
  }
  const { signal, waitMs, ...fields } = third ?? {};
  return { input: { ...fields, taskType: first.type, payload: second }, signal, waitMs };
}
