import type { MessagePort } from 'node:worker_threads';
import type { Command, LogFields, LogLevel, SubmitInput } from '@millrace/kit';
import type { PackedOutcome } from './packed-outcome.ts';

/** Reports (progress, log lines) of one attempt that may wait for the event loop; what comes beyond is dropped. */
export const REPORTS_WAITING_MAX = 1_000;

/** What a thread is given for one attempt. Everything in it crosses by structured clone, the port by transfer. */
export interface ThreadTask {
  /** URL of the module that exports `handler`. */
  readonly module: string;
  readonly command: Command;
  readonly attempt: number;
  /** ms since the epoch. */
  readonly deadlineMs: number;
  readonly logLevels: readonly LogLevel[];
  /** W3C `traceparent` in whose context the handler runs. */
  readonly trace: string | undefined;
  readonly port: MessagePort;
  /** One shared number: how many reports the event loop has taken. */
  readonly taken: Int32Array<SharedArrayBuffer>;
}

/** From the thread to the event loop. `id` pairs a request with its reply. */
export type FromThread =
  | { readonly kind: 'progress'; readonly value: unknown }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields | undefined }
  | { readonly kind: 'submit'; readonly id: number; readonly input: SubmitInput }
  | { readonly kind: 'waitFor'; readonly id: number; readonly taskIds: readonly string[] }
  | { readonly kind: 'step'; readonly id: number; readonly name: string }
  | { readonly kind: 'stepRan'; readonly id: number; readonly outcome: PackedOutcome }
  | { readonly kind: 'ended'; readonly outcome: PackedOutcome };

/** From the event loop to the thread. */
export type ToThread =
  | { readonly kind: 'abort'; readonly reason: string }
  | { readonly kind: 'runStep'; readonly id: number; readonly idempotencyKey: string }
  /** `deadlineMs`: time spent waiting for children has moved it. */
  | { readonly kind: 'reply'; readonly id: number; readonly outcome: PackedOutcome; readonly deadlineMs: number };
