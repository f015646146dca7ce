import type { Store } from '@millrace/engines/store';
import { type Clock, type CommandDefinition, type Logger, type Random, silentLogger, systemClock } from '@millrace/kit';
import { SLOW_MS_DEFAULT } from './command-log.ts';
import type { ThreadRunner } from './command-runner.ts';
import { type CommandsObserver, silentObserver } from './observer.ts';
import type { RetentionLimits } from './retention.ts';
import { TIMEOUT_MS_DEFAULT } from './task-type.ts';

export interface CommandsOptions {
  readonly store: Store;
  readonly definitions?: readonly CommandDefinition[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Chance, for jitter; a seeded one makes a run repeatable. Default: the machine's. */
  readonly random?: Random;
  /** Names this process among the holders of leases. Default: a new id at every start. */
  readonly workerId?: string;
  /** True when no other process can use the store: then what others held is taken over at once. Default true. */
  readonly alone?: boolean;
  /** How long a lease holds without a heartbeat, in ms; a dead process is taken over after it. Default 8,000. */
  readonly leaseMs?: number;
  /** Time between heartbeats, in ms; must fit several times into `leaseMs`. Default 2,000. */
  readonly heartbeatMs?: number;
  /** How long `stop` waits for running handlers before it aborts them and gives their commands back, in ms. Default 10,000. */
  readonly shutdownMs?: number;
  /** How long handlers have after their signal at `stop` before their commands are given back without them, in ms. Default 2,500. */
  readonly shutdownGraceMs?: number;
  /** Commands of one departure at the most; default 1,000. */
  readonly departureItemsMax?: number;
  /** Characters of payload that may wait for a departure; past it submissions are refused. Default 32 Mi. */
  readonly intakeCharactersMax?: number;
  /** Commands that may be due and unstarted before submissions are refused; default 1,000,000. */
  readonly depthMax?: number;
  /** Age of the oldest due command, in ms, past which keys with more than their share are refused; default 0, no limit. */
  readonly queueAgeMaxMs?: number;
  /** Time of one attempt where neither command nor type says, in ms; default 300,000. */
  readonly timeoutMs?: number;
  /** An attempt whose handler takes longer is logged at `info` rather than `debug`, in ms; default 1,000. */
  readonly slowMs?: number;
  /** Characters of one result at the most, in its JSON form; default 1 Mi. */
  readonly resultCharactersMax?: number;
  /** Callers that may wait for results; default 100,000. */
  readonly waitersMax?: number;
  /** True starts the handlers; false only takes commands in (and answers for them). Default true. */
  readonly work?: boolean;
  /** Threads of this process that compute `cpu: true` commands at once. Default: one per core but one, at least 1. */
  readonly cpuThreads?: number | undefined;
  /** Heap of each in MiB; an attempt that needs more fails. Default 256. */
  readonly cpuThreadMemoryMib?: number | undefined;
  /** Where `cpu: true` types run. Default: a pool of worker threads, made at their first command. */
  readonly threads?: ThreadRunner;
  /** Signs webhooks (`whsec_` and base64, or any text). Default: none, they go unsigned. */
  readonly webhookSecret?: string | undefined;
  /** Private hosts, addresses and CIDR blocks that `callbackUrl` may lead to. Default: none. */
  readonly allowPrivateCallbacks?: readonly string[] | undefined;
  /** How long ended commands are kept; `false`: for ever, and the disk is not watched. Default: `retentionDefaults`. */
  readonly retention?: Partial<RetentionLimits> | false | undefined;
  /** Told what happens, for metrics; see `createCommandMetrics`. Default: nobody. */
  readonly observer?: CommandsObserver;
}

type OpenOption =
  | 'threads'
  | 'cpuThreads'
  | 'cpuThreadMemoryMib'
  | 'webhookSecret'
  | 'allowPrivateCallbacks'
  | 'retention';

export type ResolvedOptions = Required<Omit<CommandsOptions, OpenOption>> & Pick<CommandsOptions, OpenOption>;

const MEBI = 1024 * 1024;

export const defaults = {
  definitions: [],
  clock: systemClock,
  logger: silentLogger,
  alone: true,
  leaseMs: 8_000,
  heartbeatMs: 2_000,
  shutdownMs: 10_000,
  shutdownGraceMs: 2_500,
  departureItemsMax: 1_000,
  intakeCharactersMax: 32 * MEBI,
  depthMax: 1_000_000,
  queueAgeMaxMs: 0,
  timeoutMs: TIMEOUT_MS_DEFAULT,
  slowMs: SLOW_MS_DEFAULT,
  resultCharactersMax: MEBI,
  waitersMax: 100_000,
  work: true,
  observer: silentObserver,
} as const satisfies Partial<CommandsOptions>;
