import { createUuidV7 } from '@millrace/kit';
import { Admission } from './admission.ts';
import { Aftermath } from './aftermath.ts';
import { CommandLog } from './command-log.ts';
import { createCommandRunner } from './command-runner.ts';
import type { Commands } from './commands.ts';
import { CommitTrain } from './commit-train.ts';
import { Control } from './control.ts';
import { type CpuPool, createCpuPool } from './cpu-pool.ts';
import { DriftCheck } from './drift-check.ts';
import { Events } from './events.ts';
import { Executor } from './executor.ts';
import { HandlerServices } from './handler-services.ts';
import { Intake } from './intake.ts';
import { Lanes } from './lanes.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { ResolvedOptions } from './options.ts';
import { Queries } from './queries.ts';
import { QueueAge } from './queue-age.ts';
import { Retention } from './retention.ts';
import { Waiters } from './waiters.ts';
import { WakeCalls } from './wake-calls.ts';
import { Webhooks } from './webhooks.ts';

/** When to try again after the disk was nearly full, in ms: retention frees some every 10 s. */
const DISK_RETRY_MS = 15_000;
const STATE_RETRY_MS = 2_000;

/** What the parts need to know of the room that they make up. */
export interface PartsHost {
  readonly room: Commands;
  readonly isRunning: () => boolean;
  /** The id of the next new command. */
  readonly nextId: () => number;
}

/**
 * The parts of the room and how they are joined: everything that is told to more than one of them is told here. They
 * refer to each other in circles (the train starts handlers, handlers end on the train), so references are looked up
 * when they are needed.
 */
export class RoomParts {
  readonly #options: ResolvedOptions;
  readonly #host: PartsHost;
  readonly lanes: Lanes;
  readonly waiters: Waiters;
  readonly queries: Queries;
  readonly queueAge: QueueAge;
  readonly events: Events;
  readonly webhooks: Webhooks;
  readonly retention: Retention | undefined;
  /** Where `cpu: true` types run, when the room has made it itself. */
  readonly pool: CpuPool | undefined;
  readonly drift: DriftCheck;
  readonly aftermath: Aftermath;
  readonly control: Control;
  readonly keeper: LeaseKeeper;
  readonly train: CommitTrain;
  readonly executor: Executor;
  readonly intake: Intake;

  constructor(options: ResolvedOptions, host: PartsHost) {
    this.#options = options;
    this.#host = host;
    const { store, clock, logger, retention } = options;
    this.lanes = new Lanes(options.timeoutMs);
    this.lanes.define(options.definitions);
    this.waiters = new Waiters(options.waitersMax);
    this.queries = new Queries(store);
    this.queueAge = new QueueAge({ store, clock, logger });
    this.events = this.#makeEvents();
    this.webhooks = this.#makeWebhooks();
    this.lanes.define([this.webhooks.definition]);
    this.retention = retention === false ? undefined : new Retention({ store, clock, logger, ...retention });
    const { cpuThreads: threads, cpuThreadMemoryMib: threadMemoryMib } = options;
    this.pool = options.threads === undefined ? createCpuPool({ clock, logger, threads, threadMemoryMib }) : undefined;
    this.drift = this.#makeDriftCheck();
    this.aftermath = this.#makeAftermath();
    this.control = new Control({
      ...{ store, clock },
      onDone: (result) => this.aftermath.controlled(result),
      onFailed: (error) => this.aftermath.writeFailed(error),
    });
    this.keeper = this.#makeKeeper();
    this.train = this.#makeTrain();
    this.executor = this.#makeExecutor();
    this.intake = this.#makeIntake();
  }

  /** Why nothing is taken in now, if so. */
  closedBecause(): { readonly reason: string; readonly retryAfterMs: number } | undefined {
    if (this.retention?.diskIsLow() === true) {
      return { reason: 'The disk is nearly full.', retryAfterMs: DISK_RETRY_MS };
    }
    if (this.#host.isRunning()) return undefined;
    const reason = 'Millrace is not taking commands in: it is starting or stopping.';
    return { reason, retryAfterMs: STATE_RETRY_MS };
  }

  #makeEvents(): Events {
    const { store, clock, alone } = this.#options;
    return new Events({
      ...{ store, clock, alone },
      snapshot: () => this.#host.room.snapshot(),
      view: (taskId) => this.queries.get(taskId),
    });
  }

  #makeWebhooks(): Webhooks {
    const { store, clock, logger, webhookSecret: secret, allowPrivateCallbacks: allowPrivate } = this.#options;
    return new Webhooks({
      ...{ store, clock, logger, secret, allowPrivate },
      submitMany: (inputs) => this.intake.submitMany(inputs, true),
    });
  }

  #makeDriftCheck(): DriftCheck {
    const { store, clock, logger } = this.#options;
    return new DriftCheck({
      ...{ store, clock, logger, lanes: this.lanes },
      worker: () => this.keeper.worker,
      atWork: () => this.executor.leases(),
    });
  }

  #makeAftermath(): Aftermath {
    const { store, clock, logger, observer, slowMs } = this.#options;
    const { lanes, events, drift, webhooks, waiters, queries } = this;
    return new Aftermath({
      ...{ store, clock, logger, observer, lanes, events, drift, webhooks },
      log: new CommandLog({ logger, slowMs }),
      wake: new WakeCalls({ waiters, queries, logger }),
      train: () => this.train,
      executor: () => this.executor,
      isRunning: this.#host.isRunning,
    });
  }

  #makeKeeper(): LeaseKeeper {
    const { store, clock, logger, workerId, leaseMs, heartbeatMs, alone } = this.#options;
    return new LeaseKeeper({
      ...{ store, clock, logger, workerId, leaseMs, heartbeatMs, alone },
      onLost: () => this.aftermath.leasesLost(),
      onHeld: () => this.train.kick(),
      onRescued: (rescued) => this.aftermath.rescued(rescued),
      onFailed: (error) => this.aftermath.writeFailed(error),
    });
  }

  #makeTrain(): CommitTrain {
    const { store, clock, logger, observer, work, departureItemsMax: itemsMax } = this.#options;
    const { lanes, drift } = this;
    return new CommitTrain({
      ...{ store, clock, logger, observer, lanes, work, drift, itemsMax },
      worker: () => this.keeper.worker,
      holdsLeases: () => this.keeper.isValid(),
      hasSuspect: () => this.executor.hasSuspect(),
      listener: {
        onLeased: (commands) => this.executor.start(commands),
        onEnded: (entry, counted) => this.aftermath.ended(entry, counted),
        onExpired: (expired, taskType) => this.aftermath.expired(expired, taskType),
        onEvents: (arrived, departure, ended) => this.events.onDeparture(arrived, departure, ended),
      },
    });
  }

  #makeExecutor(): Executor {
    const { store, clock, logger, random, observer, resultCharactersMax } = this.#options;
    const { lanes } = this;
    return new Executor({
      ...{ clock, logger, random, observer, lanes, resultCharactersMax },
      runner: createCommandRunner(this.#options.threads ?? (this.pool as CpuPool)),
      services: new HandlerServices({
        ...{ store, clock, logger, lanes, room: this.#host.room },
        progress: (command, value) => this.events.progress(command, value),
        freed: () => {
          this.train.kick();
          this.executor.wake();
        },
      }),
      mayBegin: () => this.#host.isRunning() && this.keeper.isValid(),
      end: (entry) => this.train.end(entry),
      freed: () => this.train.kick(),
    });
  }

  #makeIntake(): Intake {
    const { clock, observer, depthMax, queueAgeMaxMs, intakeCharactersMax } = this.#options;
    const { lanes, train } = this;
    return new Intake({
      ...{ clock, lanes, train },
      newTaskId: createUuidV7(() => clock.now()),
      nextId: this.#host.nextId,
      checkCallback: (url) => this.webhooks.check(url),
      admission: new Admission({
        ...{ lanes, observer, depthMax, queueAgeMaxMs, intakeCharactersMax },
        queueAgeMs: (depth) => this.queueAge.of(depth),
        closedBecause: () => this.closedBecause(),
      }),
    });
  }
}
