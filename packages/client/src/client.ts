import {
  type BatchItem,
  type CommandDefinition,
  type CommandOutcome,
  type CommandStatus,
  type CommandView,
  createUuidV7,
  isTerminal,
  type Page,
  type SubmitInput,
  sleep,
} from '@millrace/kit';
import { type BatchOptions, submitInBatches } from './batch.ts';
import { type ClientOptions, resolveOptions } from './options.ts';
import { createSchedules, type Schedules, toQuery } from './schedules.ts';
import { type Answer, createTransport, type RequestInput, type Transport } from './transport.ts';
import {
  type CallOptions,
  type Processor,
  readSubmission,
  type SubmittedTask,
  type Submitter,
  type TaskRef,
} from './typed.ts';
import { type WatchMessage, type WatchOptions, watchEvents } from './watch.ts';

/** How long `process` and `result` wait when not told, in ms: as long as the server does at most in one answer. */
export const WAIT_MS_DEFAULT = 30_000;
/** One request asks the server to wait no longer than this, in ms; longer waits are made of several. */
const WAIT_MS_PER_REQUEST = 20_000;
const DRAIN_POLL_INTERVAL_MS = 500;
const MS_PER_SECOND = 1_000;
/** All that an outcome is made of: payloads stay where they are. */
const OUTCOME_FIELDS = 'taskId,status,result,error,createdAt,updatedAt,finishedAt';
/** States of commands that are due, running or waiting to be tried again. */
const UNFINISHED: readonly CommandStatus[] = ['QUEUED', 'RUNNING', 'RETRYING'];

export interface ListQuery {
  readonly status?: CommandStatus | undefined;
  readonly taskType?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly createdFrom?: Date | string | undefined;
  readonly createdTo?: Date | string | undefined;
  /** Default 50, at most 1,000. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  /** Names of the fields to send, separated by commas; what is not named is absent from the views. Default: all. */
  readonly fields?: string | undefined;
}

export interface RedriveFilter {
  readonly taskType?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly finishedFrom?: Date | string | undefined;
  readonly finishedTo?: Date | string | undefined;
  readonly limit?: number | undefined;
}

/** Ended commands of one type since the instant asked for; `avgDuration` is handler time in ms. */
export interface TypeStats {
  readonly taskType: string;
  readonly count: number;
  readonly avgDuration: number;
  readonly statuses?: Readonly<Record<string, number>>;
}

export interface TypeState {
  readonly taskType: string;
  readonly paused: boolean;
  /** Due and not started. */
  readonly depth: number;
  readonly running: number;
}

/**
 * A Millrace server, as a program sees it. Every call takes a signal, fails with `MillraceApiError`, and is repeated
 * by itself only where that does no harm.
 */
export interface MillraceClient {
  readonly url: string;
  /** Submits a command; it is durable when this resolves. */
  readonly submit: Submitter;
  /** Submits a command and waits up to `waitMs` (default 30,000; the server's cap) for its outcome. */
  readonly process: Processor;
  /** Submits any number of commands; one answer per item, in order. */
  submitMany(
    inputs: Iterable<SubmitInput> | AsyncIterable<SubmitInput>,
    options?: BatchOptions,
  ): Promise<readonly BatchItem[]>;
  /** As `submitMany`, with the answers of each batch as it is done: for inputs too many to hold. */
  submitBatches(
    inputs: Iterable<SubmitInput> | AsyncIterable<SubmitInput>,
    options?: BatchOptions,
  ): AsyncIterable<readonly BatchItem[]>;
  /** The outcome, or `undefined` when it has not come within `waitMs` (default 30,000; `Infinity` waits on). */
  result<TResult>(
    task: TaskRef<TResult>,
    options?: CallOptions & { readonly waitMs?: number | undefined },
  ): Promise<CommandOutcome<TResult> | undefined>;
  /** The events of one command until it ends, or of all commands (`'*'`); resumes by itself. */
  watch(task: TaskRef, options?: WatchOptions): AsyncIterable<WatchMessage>;
  get<TResult>(task: TaskRef<TResult>, options?: CallOptions): Promise<CommandView<TResult>>;
  list(query?: ListQuery & CallOptions): Promise<Page<CommandView>>;
  /** Every command that matches, page by page. */
  listAll(query?: ListQuery & CallOptions): AsyncIterable<CommandView>;
  deadLetters(query?: ListQuery & CallOptions): Promise<Page<CommandView>>;
  stats(query?: { readonly since?: Date | string | undefined } & CallOptions): Promise<readonly TypeStats[]>;
  /** The types that the server's process runs. */
  types(options?: CallOptions): Promise<readonly TypeState[]>;
  cancel(task: TaskRef, options?: CallOptions): Promise<CommandView>;
  retry(task: TaskRef, options?: CallOptions): Promise<CommandView>;
  /** Forgets a command that has ended. */
  remove(task: TaskRef, options?: CallOptions): Promise<void>;
  /** Runs dead-lettered commands again; resolves to how many. */
  redrive(filter?: RedriveFilter & CallOptions): Promise<number>;
  pause(taskType: string, options?: CallOptions): Promise<TypeState>;
  resume(taskType: string, options?: CallOptions): Promise<TypeState>;
  /** Resolves when no command is due, running or waiting to be tried again. */
  drain(options?: CallOptions): Promise<void>;
  readonly schedules: Schedules;
}

/** A client of the server at `options.url`. Opens nothing by itself. @throws CLIENT_INVALID_OPTION */
export function createClient(options: ClientOptions): MillraceClient {
  const transport = createTransport(resolveOptions(options));
  const newTaskId = createUuidV7(transport.options.clock.now);
  const batches = { transport, newTaskId };
  const get = <TResult>(task: TaskRef<TResult>, call: CallOptions = {}): Promise<CommandView<TResult>> =>
    read(transport, `/commands/${idOf(task)}`, call);
  const list = ({ signal, ...query }: ListQuery & CallOptions = {}): Promise<Page<CommandView>> =>
    read(transport, `/commands${toQuery({ ...query })}`, { signal });
  return {
    url: transport.options.baseUrl,
    ...createSubmitters(transport, newTaskId),
    submitBatches: (inputs, batch) => submitInBatches(batches, inputs, batch),
    submitMany: async (inputs, batch) => (await Array.fromAsync(submitInBatches(batches, inputs, batch))).flat(),
    result: (task, wait) => waitForOutcome(transport, task, wait),
    watch: (task, watch) =>
      watchEvents({ transport, isOver: isOverSince(get) }, task === '*' ? undefined : rawIdOf(task), watch),
    get,
    list,
    listAll: (query) => allPages(list, query),
    deadLetters: ({ signal, ...query } = {}) =>
      read(transport, `/commands/dead-letters${toQuery({ ...query })}`, { signal }),
    stats: async ({ signal, since } = {}) =>
      (await read<Page<TypeStats>>(transport, `/commands/stats${toQuery({ since })}`, { signal })).items,
    types: async (call = {}) => (await read<Page<TypeState>>(transport, '/commands/types', call)).items,
    schedules: createSchedules(transport),
    drain: (call) => drain(transport, list, call),
    ...createOperations(transport),
  };
}

function createSubmitters(transport: Transport, newTaskId: () => string): Pick<MillraceClient, 'submit' | 'process'> {
  type Call = [CommandDefinition | SubmitInput, unknown?, CallOptions?];
  const post = async (path: string, headers: Record<string, string>, call: ReturnType<typeof readSubmission>) => {
    const body = { ...call.input, taskId: call.input.taskId ?? newTaskId() };
    const { signal, waitMs } = call;
    const answer = await transport.request({ method: 'POST', path, body, headers, repeat: 'always', signal, waitMs });
    return readSubmitted(answer);
  };
  const submit = (...[first, second, third]: Call) => post('/commands', {}, readSubmission(first, second, third));
  const process = (...[first, second, third]: Call) => {
    const call = readSubmission(first, second, third);
    const waitMs = call.waitMs ?? WAIT_MS_DEFAULT;
    return post('/command/process', { Prefer: `wait=${toSeconds(waitMs)}` }, { ...call, waitMs });
  };
  return { submit: submit as Submitter, process: process as MillraceClient['process'] };
}

function readSubmitted(answer: Answer): SubmittedTask {
  const replay = answer.headers.get('idempotent-replay') === 'true';
  const body = answer.body as CommandOutcome | SubmittedTask;
  if (answer.status !== 200) return { ...(body as SubmittedTask), replay };
  return { taskId: body.taskId, status: body.status, replay, outcome: body as CommandOutcome };
}

type Operations = Pick<MillraceClient, 'cancel' | 'retry' | 'remove' | 'redrive' | 'pause' | 'resume'>;

function createOperations(transport: Transport): Operations {
  const post = async <TAnswer>(path: string, input: Pick<RequestInput, 'body' | 'repeat' | 'signal'>) => {
    const answer = await transport.request({ method: 'POST', path, ...input });
    return answer.body as TAnswer;
  };
  const setType = (verb: 'pause' | 'resume') => (taskType: string, options?: CallOptions) =>
    post<TypeState>(`/commands/types/${encodeURIComponent(taskType)}/${verb}`, {
      repeat: 'always',
      signal: options?.signal,
    });
  return {
    cancel: (task, options) => post(`/commands/${idOf(task)}/cancel`, { repeat: 'refused', signal: options?.signal }),
    retry: (task, options) => post(`/commands/${idOf(task)}/retry`, { repeat: 'refused', signal: options?.signal }),
    async remove(task, options) {
      const path = `/commands/${idOf(task)}`;
      await transport.request({ method: 'DELETE', path, repeat: 'refused', signal: options?.signal });
    },
    async redrive({ signal, ...filter } = {}) {
      const path = '/commands/dead-letters/redrive';
      return (await post<{ readonly redriven: number }>(path, { body: filter, repeat: 'refused', signal })).redriven;
    },
    pause: setType('pause'),
    resume: setType('resume'),
  };
}

async function read<TAnswer>(transport: Transport, path: string, call: CallOptions): Promise<TAnswer> {
  const answer = await transport.request({ method: 'GET', path, repeat: 'always', signal: call.signal });
  return answer.body as TAnswer;
}

async function waitForOutcome<TResult>(
  transport: Transport,
  task: TaskRef<TResult>,
  options: CallOptions & { readonly waitMs?: number | undefined } = {},
): Promise<CommandOutcome<TResult> | undefined> {
  const { clock } = transport.options;
  const end = clock.monotonic() + (options.waitMs ?? WAIT_MS_DEFAULT);
  for (;;) {
    const waitMs = Math.min(Math.max(0, end - clock.monotonic()), WAIT_MS_PER_REQUEST);
    const path = `/commands/${idOf(task)}${toQuery({ wait: waitMs / MS_PER_SECOND, fields: OUTCOME_FIELDS })}`;
    const answer = await transport.request({ method: 'GET', path, repeat: 'always', waitMs, signal: options.signal });
    const view = answer.body as CommandView<TResult>;
    if (isTerminal(view.status)) return toOutcome(view, view.status);
    if (clock.monotonic() >= end) return undefined;
  }
}

function toOutcome<TResult>(view: CommandView<TResult>, status: CommandOutcome['status']): CommandOutcome<TResult> {
  const finishedAt = Date.parse(view.finishedAt ?? view.updatedAt);
  return {
    taskId: view.taskId,
    status,
    ...(view.result === undefined ? {} : { result: view.result }),
    ...(view.error === undefined ? {} : { error: view.error }),
    processingTime: finishedAt - Date.parse(view.createdAt),
  };
}

/** An end in the history may be that of an earlier run: the command is over when it ended no later than the event says. */
function isOverSince(get: MillraceClient['get']) {
  return async (event: { readonly taskId: string; readonly at: string }): Promise<boolean> => {
    const view = await get(event.taskId);
    return isTerminal(view.status) && Date.parse(view.finishedAt ?? view.updatedAt) <= Date.parse(event.at);
  };
}

async function* allPages(
  list: (query: ListQuery & CallOptions) => Promise<Page<CommandView>>,
  query: ListQuery & CallOptions = {},
): AsyncGenerator<CommandView, void, void> {
  let cursor: string | null | undefined = query.cursor;
  do {
    const page = await list({ ...query, cursor });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null && cursor !== undefined);
}

async function drain(transport: Transport, list: MillraceClient['list'], { signal }: CallOptions = {}): Promise<void> {
  for (;;) {
    const pages = await Promise.all(UNFINISHED.map((status) => list({ status, limit: 1, signal })));
    if (pages.every((page) => page.items.length === 0)) return;
    await sleep(transport.options.clock, DRAIN_POLL_INTERVAL_MS, signal);
    signal?.throwIfAborted();
  }
}

/** `Prefer: wait` (RFC 7240 §4.3) counts whole seconds; a wait is never cut short by the rounding. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / MS_PER_SECOND);
}

function rawIdOf(task: TaskRef): string {
  return typeof task === 'string' ? task : task.taskId;
}

function idOf(task: TaskRef): string {
  return encodeURIComponent(rawIdOf(task));
}
