import type { CommandContext, CommandOutcome, LogFields, Logger, LogLevel, SubmitInput } from '@millrace/kit';
import { type FromThread, REPORTS_WAITING_MAX, type ThreadTask, type ToThread } from './messages.ts';
import { asJson, type PackedOutcome, packed, unpacked } from './packed-outcome.ts';

interface Request {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Of a step: what runs it, and what its function threw, as it was thrown. */
  readonly run?: (idempotencyKey: string) => unknown;
  threw?: { readonly error: unknown };
}

type StepFunction<TResult> = (step: {
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}) => TResult | Promise<TResult>;

/** The handler's context inside a thread: what it asks for is done on the event loop, over the attempt's port. */
export class ThreadContext implements CommandContext {
  readonly #task: ThreadTask;
  readonly #controller = new AbortController();
  readonly #requests = new Map<number, Request>();
  readonly log: Logger;
  #deadlineMs: number;
  #lastId = 0;
  #reports = 0;

  constructor(task: ThreadTask) {
    this.#task = task;
    this.#deadlineMs = task.deadlineMs;
    this.log = this.#createLogger();
    task.port.on('message', (message: ToThread) => this.#receive(message));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get attempt(): number {
    return this.#task.attempt;
  }

  get deadline(): Date {
    return new Date(this.#deadlineMs);
  }

  // Handlers take their context apart (`{ step, progress }`), so these are functions that need no receiver.

  get progress(): CommandContext['progress'] {
    return (value) => this.#report({ kind: 'progress', value });
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
    return this.#ask((id) => ({ kind: 'submit', id, input })) as Promise<{ readonly taskId: string }>;
  }

  #waitFor(children: readonly (string | { readonly taskId: string })[]): Promise<readonly CommandOutcome[]> {
    const taskIds = children.map((child) => (typeof child === 'string' ? child : child.taskId));
    return this.#ask((id) => ({ kind: 'waitFor', id, taskIds })) as Promise<readonly CommandOutcome[]>;
  }

  #step<TResult>(name: string, fn: StepFunction<TResult>): Promise<TResult> {
    const run = (idempotencyKey: string) => fn({ idempotencyKey, signal: this.signal });
    return this.#ask((id) => ({ kind: 'step', id, name }), run) as Promise<TResult>;
  }

  /** The handler has ended. */
  end(outcome: PackedOutcome): void {
    this.#post({ kind: 'ended', outcome }, () => ({ kind: 'ended', outcome: asJson(outcome) }));
  }

  #receive(message: ToThread): void {
    if (message.kind === 'abort') {
      this.#controller.abort(new DOMException(message.reason, 'AbortError'));
      return;
    }
    const request = this.#requests.get(message.id);
    if (request === undefined) return;
    if (message.kind === 'runStep') {
      void this.#runStep(message.id, request, message.idempotencyKey);
      return;
    }
    this.#requests.delete(message.id);
    this.#deadlineMs = message.deadlineMs;
    settle(request, message.outcome);
  }

  async #runStep(id: number, request: Request, idempotencyKey: string): Promise<void> {
    const outcome = await packed(async () => {
      try {
        return await request.run?.(idempotencyKey);
      } catch (error) {
        request.threw = { error };
        throw error;
      }
    });
    this.#post({ kind: 'stepRan', id, outcome }, () => ({ kind: 'stepRan', id, outcome: asJson(outcome) }));
  }

  #ask(message: (id: number) => FromThread, run?: Request['run']): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#task.port.postMessage(message(id));
      this.#requests.set(id, run === undefined ? { resolve, reject } : { resolve, reject, run });
    });
  }

  /** A report is dropped when the event loop is too far behind: a loop in the thread never waits for it. */
  #report(message: FromThread): void {
    if (this.#reports - Atomics.load(this.#task.taken, 0) >= REPORTS_WAITING_MAX) return;
    this.#post(message, () => JSON.parse(JSON.stringify(message)) as FromThread);
    this.#reports += 1;
  }

  #post(message: FromThread, plain: () => FromThread): void {
    try {
      this.#task.port.postMessage(message);
    } catch {
      this.#task.port.postMessage(plain());
    }
  }

  #createLogger(): Logger {
    const levels = new Set(this.#task.logLevels);
    const line = (level: LogLevel) => (message: string, fields?: LogFields) => {
      if (levels.has(level)) this.#report({ kind: 'log', level, message, fields });
    };
    return {
      isEnabled: (level) => levels.has(level),
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
    };
  }
}

function settle({ resolve, reject, threw }: Request, outcome: PackedOutcome): void {
  try {
    resolve(unpacked(outcome));
  } catch (error) {
    reject(threw?.error ?? error);
  }
}
