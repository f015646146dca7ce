import type { CommitObserver, Store } from '@millrace/engines/store';
import { TERMINAL_STATUSES, type TerminalStatus } from '@millrace/kit';
import type { Registry } from 'prom-client';
import type { Commands } from './commands.ts';
import type { EventStats } from './event-hub.ts';
import { boundsOf, HistogramCounts, histogram, LabelledCounts, registerSeries } from './metric-series.ts';
import type { CommandMetricName } from './metrics-catalog.ts';
import type { CommandsObserver } from './observer.ts';

const MS_PER_SECOND = 1_000;

/** What the contract (§1.6) calls the states. */
const STATUS_LABELS: Readonly<Record<TerminalStatus, string>> = {
  SUCCESS: 'success',
  PARTIAL_SUCCESS: 'partial_success',
  FAILURE: 'failed',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
};

/** The room's metrics and their two ways in. */
export interface CommandMetrics {
  /** For `createCommands({ observer })`. */
  readonly observer: CommandsObserver;
  /** For the store's `onCommit`. */
  readonly onCommit: CommitObserver;
  /** Whose depths the gauges show. Called once, before the first scrape. */
  observe(sources: MetricSources): void;
}

export interface MetricSources {
  readonly commands: Pick<Commands, 'snapshot' | 'eventStats'>;
  readonly store: Pick<Store, 'stats'>;
}

/** Registers every metric of `COMMAND_METRICS`. What has no source yet shows zero. */
export function createCommandMetrics(registry: Registry): CommandMetrics {
  const counts = new CommandCounts();
  let sources: MetricSources | undefined;
  registerCounts(registry, counts, () => sources);
  registerGauges(registry, () => sources);
  const batchSize = histogram(registry, 'command_batch_size');
  const commitSeconds = histogram(registry, 'store_commit_seconds');
  return {
    observer: observerOf(counts, batchSize),
    onCommit: ({ seconds }) => commitSeconds.observe(seconds),
    observe: (given) => {
      sources = given;
    },
  };
}

/** The counts of one task type: looked up once per event, then only added to. */
class TypeCounts {
  readonly ended: Record<TerminalStatus, number> = {
    SUCCESS: 0,
    PARTIAL_SUCCESS: 0,
    FAILURE: 0,
    CANCELLED: 0,
    EXPIRED: 0,
  };
  readonly durations = new HistogramCounts(boundsOf('command_processing_duration_seconds'));
  readonly waits = new HistogramCounts(boundsOf('command_time_to_start_seconds'));
  retries = 0;
  deadLetters = 0;
  abandoned = 0;
}

/** Types are few: only those that are defined get so far. */
class CommandCounts {
  readonly types = new Map<string, TypeCounts>();
  readonly shed = new LabelledCounts();
  leasesExpired = 0;

  of(taskType: string): TypeCounts {
    const known = this.types.get(taskType);
    if (known !== undefined) return known;
    const counts = new TypeCounts();
    this.types.set(taskType, counts);
    return counts;
  }
}

function observerOf(counts: CommandCounts, batchSize: HistogramCounts): CommandsObserver {
  for (const reason of ['depth', 'share', 'bytes', 'closed', 'lag']) counts.shed.ensure(reason);
  return {
    departed: (items) => batchSize.observe(items),
    started: (taskType, waitedMs) => counts.of(taskType).waits.observe(waitedMs / MS_PER_SECOND),
    settled: (taskType, durationMs) => counts.of(taskType).durations.observe(durationMs / MS_PER_SECOND),
    retried: (taskType) => {
      counts.of(taskType).retries += 1;
    },
    ended: (taskType, status, deadLettered) => {
      const ofType = counts.of(taskType);
      ofType.ended[status] += 1;
      if (deadLettered) ofType.deadLetters += 1;
    },
    leasesExpired: (commands) => {
      counts.leasesExpired += commands;
    },
    shed: (reason) => counts.shed.add(reason),
    abandoned: (taskType) => {
      counts.of(taskType).abandoned += 1;
    },
  };
}

function registerCounts(registry: Registry, counts: CommandCounts, sources: () => MetricSources | undefined): void {
  /** Types that have done nothing yet are there at zero, so that their first rate is right. */
  const types = () => {
    for (const { taskType } of sources()?.commands.snapshot().types ?? []) counts.of(taskType);
    return [...counts.types];
  };
  const perType = (name: CommandMetricName, read: (ofType: TypeCounts) => number) =>
    registerSeries(registry, name, () =>
      types().map(([taskType, ofType]) => ({ labels: { task_type: taskType }, value: read(ofType) })),
    );
  const histogramPerType = (name: CommandMetricName, of: (ofType: TypeCounts) => HistogramCounts) =>
    registerSeries(registry, name, () =>
      types().flatMap(([taskType, ofType]) => of(ofType).series(name, { task_type: taskType })),
    );
  registerSeries(registry, 'command_processing_total', () =>
    types().flatMap(([taskType, { ended }]) =>
      TERMINAL_STATUSES.map((status) => ({
        labels: { status: STATUS_LABELS[status], task_type: taskType },
        value: ended[status],
      })),
    ),
  );
  histogramPerType('command_processing_duration_seconds', (ofType) => ofType.durations);
  histogramPerType('command_time_to_start_seconds', (ofType) => ofType.waits);
  perType('command_retries_total', (ofType) => ofType.retries);
  perType('command_dead_letters_total', (ofType) => ofType.deadLetters);
  perType('command_handlers_abandoned_total', (ofType) => ofType.abandoned);
  registerSeries(registry, 'command_shed_total', () => counts.shed.series('reason'));
  registerSeries(registry, 'command_lease_expired_total', () => [{ labels: {}, value: counts.leasesExpired }]);
}

function subscribersOf({ commandSubscribers, streamSubscribers }: EventStats): number {
  return commandSubscribers + streamSubscribers;
}

function registerGauges(registry: Registry, sources: () => MetricSources | undefined): void {
  const gauge = (name: CommandMetricName, read: (given: MetricSources) => number) =>
    registerSeries(registry, name, () => {
      const given = sources();
      return [{ labels: {}, value: given === undefined ? 0 : read(given) }];
    });
  gauge('command_queue_depth', ({ commands }) => commands.snapshot().depth);
  gauge('command_scheduled_depth', ({ commands }) => commands.snapshot().scheduled);
  gauge('command_active_total', ({ commands }) => commands.snapshot().active);
  gauge('command_cpu_threads_active', ({ commands }) => commands.snapshot().cpu?.active ?? 0);
  gauge('command_cpu_threads_max', ({ commands }) => commands.snapshot().cpu?.activeMax ?? 0);
  gauge('command_cpu_queue_depth', ({ commands }) => commands.snapshot().cpu?.queued ?? 0);
  gauge('command_queue_age_seconds', ({ commands }) => commands.snapshot().queueAgeMs / MS_PER_SECOND);
  gauge('command_events_subscribers', ({ commands }) => subscribersOf(commands.eventStats()));
  gauge('store_pending_writes', ({ store }) => store.stats().pendingCalls);
}
