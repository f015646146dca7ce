import { AppError, type BatchItem, type Clock, canonicalJson, type SubmitInput, toAppError } from '@millrace/kit';
import type { Admission } from './admission.ts';
import type { NewCommand } from './command.ts';
import type { SubmitReceipt } from './commands.ts';
import type { CommitTrain } from './commit-train.ts';
import { commandsError, invalid } from './errors.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { Duplicate } from './sql/insert-commands.ts';
import { newCommand, parseSubmission, type Submission } from './submission.ts';

/** Items of one batch. */
export const BATCH_ITEMS_MAX = 10_000;

/** Types of the house itself begin so. */
const OWN_TYPES = 'millrace.';

export interface IntakeOptions {
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly train: CommitTrain;
  readonly admission: Admission;
  readonly newTaskId: () => string;
  readonly nextId: () => number;
  /** Refuses a callback URL that must not be called. @throws VALIDATION_ERROR */
  readonly checkCallback: (url: string) => void;
}

/** What came of a submission, with what waiting for its end needs. */
export interface Taken {
  readonly receipt: SubmitReceipt;
  /** True when it may have ended before: the store must be asked. */
  readonly known: boolean;
}

/** Takes commands in: checks them, admits them, puts them on the train, tells replays from conflicts. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * @param trace W3C `traceparent` of the caller
   * @param onBoard called once the command has been checked, before it is on its way
   */
  async submit(input: SubmitInput, trace: string | null = null, onBoard?: (taskId: string) => void): Promise<Taken> {
    const prepared = this.#prepare(input, trace);
    const command = prepared instanceof Promise ? await prepared : prepared;
    onBoard?.(command.taskId);
    this.#options.admission.admit(command);
    const exceptions = await this.#options.train
      .submit([command])
      .finally(() => this.#options.admission.leave(command));
    const exception = exceptions.get(0);
    if (exception === undefined) return { receipt: this.#receipt(command), known: false };
    if (exception instanceof AppError) throw exception;
    return { receipt: this.#replay(command, exception), known: true };
  }

  /** Refuses what `submit` would refuse for its form, its type or its payload. */
  async check(input: unknown): Promise<void> {
    await this.#prepare(input as SubmitInput, null);
  }

  /** @param isOwn true for commands of the room itself, whose types callers may not submit */
  async submitMany(inputs: readonly unknown[], isOwn = false): Promise<readonly BatchItem[]> {
    if (inputs.length > BATCH_ITEMS_MAX) {
      throw invalid('', `A batch has at most ${BATCH_ITEMS_MAX} commands, not ${inputs.length}. Send several.`);
    }
    const items: BatchItem[] = new Array(inputs.length);
    const commands: NewCommand[] = [];
    const places: number[] = [];
    for (let index = 0; index < inputs.length; index++) {
      try {
        const prepared = this.#prepare(inputs[index] as SubmitInput, null, isOwn);
        const command = prepared instanceof Promise ? await prepared : prepared;
        this.#options.admission.admit(command);
        commands.push(command);
        places.push(index);
      } catch (error) {
        items[index] = refusal(inputs[index], error);
      }
    }
    const exceptions = await this.#options.train.submit(commands);
    for (let index = 0; index < commands.length; index++) {
      const command = commands[index] as NewCommand;
      this.#options.admission.leave(command);
      const exception = exceptions.size === 0 ? undefined : exceptions.get(index);
      items[places[index] as number] =
        exception === undefined ? { taskId: command.taskId, status: 'ACCEPTED' } : this.#batchItem(command, exception);
    }
    return items;
  }

  #prepare(input: SubmitInput, trace: string | null, isOwn = false): NewCommand | Promise<NewCommand> {
    const now = this.#options.clock.now();
    const submission = parseSubmission(input, now);
    const lane = this.#options.lanes.get(submission.taskType);
    if (lane === undefined || (!isOwn && submission.taskType.startsWith(OWN_TYPES))) {
      throw this.#unknownType(submission.taskType);
    }
    if (submission.callbackUrl !== null) this.#options.checkCallback(submission.callbackUrl);
    const checked = lane.type.checkPayload?.(submission.payload);
    if (checked instanceof Promise) {
      return checked.then((result) => this.#finish(submission, lane, { now, trace, result }));
    }
    return this.#finish(submission, lane, { now, trace, result: checked });
  }

  #finish(
    submission: Submission,
    lane: Lane,
    { now, trace, result }: { now: number; trace: string | null; result: CheckResult | undefined },
  ): NewCommand {
    if (result?.ok === false) throw invalid(`/payload${result.pointer}`, `payload${result.pointer}: ${result.message}`);
    return newCommand(submission, {
      id: this.#options.nextId(),
      taskId: submission.taskId ?? this.#options.newTaskId(),
      createdAt: now,
      timeoutMs: submission.timeoutMs ?? lane.type.timeoutMs,
      trace,
    });
  }

  #unknownType(taskType: string): AppError {
    const names = this.#options.lanes.names().filter((name) => !name.startsWith(OWN_TYPES));
    const suggestion = names.length === 0 ? 'None is registered.' : `Registered are ${names.slice(0, 20).join(', ')}.`;
    return commandsError('UNKNOWN_TASK_TYPE', { details: { pointer: '/taskType', taskType, suggestion } });
  }

  #receipt(command: NewCommand): SubmitReceipt {
    const now = this.#options.clock.now();
    const lane = this.#options.lanes.get(command.taskType);
    const ahead = lane?.depth ?? 0;
    return {
      taskId: command.taskId,
      status: command.dueAt > now ? 'SCHEDULED' : 'QUEUED',
      replay: false,
      queuePosition: ahead,
      estimatedCompletion: new Date(lane?.pace.estimate(now, ahead, command.dueAt) ?? now),
      runAt: new Date(command.dueAt),
    };
  }

  /** @throws COMMAND_CONFLICT */
  #replay(command: NewCommand, duplicate: Duplicate): SubmitReceipt {
    if (!isSameCommand(command, duplicate)) {
      throw commandsError('COMMAND_CONFLICT', { details: { taskId: command.taskId } });
    }
    const { row } = duplicate;
    return {
      ...this.#receipt(command),
      status: row.status,
      replay: true,
      queuePosition: row.ready === 1 ? (this.#options.lanes.get(row.task_type)?.depth ?? 0) : 0,
      runAt: new Date(row.due_at),
    };
  }

  #batchItem(command: NewCommand, exception: Duplicate | AppError): BatchItem {
    const { taskId } = command;
    if (exception instanceof AppError) return { taskId, error: exception.toBody() };
    if (isSameCommand(command, exception)) return { taskId, status: 'ACCEPTED', replay: true };
    return { taskId, error: commandsError('COMMAND_CONFLICT', { details: { taskId } }).toBody() };
  }
}

type CheckResult = { readonly ok: true } | { readonly ok: false; readonly pointer: string; readonly message: string };

/** The same taskId means the same command when type, payload and metadata agree, whatever the order of keys. */
function isSameCommand(command: NewCommand, { row, payload, metadata }: Duplicate): boolean {
  return (
    command.taskType === row.task_type && sameJson(command.payload, payload) && sameJson(command.metadata, metadata)
  );
}

function sameJson(left: string | null, right: string | null): boolean {
  if (left === right) return true;
  if (left === null || right === null) return false;
  return canonicalJson(JSON.parse(left)) === canonicalJson(JSON.parse(right));
}

function refusal(input: unknown, thrown: unknown): BatchItem {
  const error = toAppError(thrown).toBody();
  const { taskId } = Object(input) as { taskId?: unknown };
  return typeof taskId === 'string' && taskId.length <= 100 ? { taskId, error } : { error };
}
