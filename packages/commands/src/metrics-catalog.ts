/** A metric of the room, as documentation and as what is registered. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds, of histograms only; in the unit that the name ends with. */
  readonly buckets?: readonly number[];
}

const HANDLER_SECONDS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 120, 300],
];
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const BATCH_ITEMS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** Every metric of the room. Names are those of the contract (§1.6) where it gives one. */
export const COMMAND_METRICS = {
  command_processing_total: {
    type: 'counter',
    labels: ['status', 'task_type'],
    help: 'Runs of commands that ended: success, partial_success, failed, cancelled or expired; each once.',
  },
  command_processing_duration_seconds: {
    type: 'histogram',
    labels: ['task_type'],
    help: 'Seconds that a handler worked, per attempt.',
    buckets: HANDLER_SECONDS,
  },
  command_queue_depth: {
    type: 'gauge',
    labels: [],
    help: 'Commands that are due and not started, of the whole fleet: what autoscaling goes by.',
  },
  command_scheduled_depth: {
    type: 'gauge',
    labels: [],
    help: 'Commands that wait for their time, of the whole fleet.',
  },
  command_active_total: { type: 'gauge', labels: [], help: 'Handlers at work in this process.' },
  command_cpu_threads_active: { type: 'gauge', labels: [], help: 'CPU threads of this process that compute now.' },
  command_cpu_threads_max: { type: 'gauge', labels: [], help: 'CPU threads of this process that may compute at once.' },
  command_cpu_queue_depth: { type: 'gauge', labels: [], help: 'Started attempts that wait for a CPU thread.' },
  command_queue_age_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest due command at the head of its line that has not started, at the last look.',
  },
  command_time_to_start_seconds: {
    type: 'histogram',
    labels: ['task_type'],
    help: 'Seconds from when a command was due until its handler began, per attempt.',
    buckets: HANDLER_SECONDS,
  },
  command_batch_size: {
    type: 'histogram',
    labels: [],
    help: 'Items (ends, arrivals, claims) of one departure of the commit train.',
    buckets: BATCH_ITEMS,
  },
  store_commit_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Seconds that a commit of the store took, fsync included.',
    buckets: COMMIT_SECONDS,
  },
  store_pending_writes: { type: 'gauge', labels: [], help: 'Writes that wait for a commit.' },
  command_lease_expired_total: {
    type: 'counter',
    labels: [],
    help: 'Commands that this process took over because the lease of theirs had expired.',
  },
  command_retries_total: {
    type: 'counter',
    labels: ['task_type'],
    help: 'Attempts that ended without ending their run: another one follows.',
  },
  command_shed_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Submissions refused at the door: depth, share (of one key), bytes, closed, lag (of the event loop; other writes too).',
  },
  command_dead_letters_total: {
    type: 'counter',
    labels: ['task_type'],
    help: 'Commands that failed for good.',
  },
  command_handlers_abandoned_total: {
    type: 'counter',
    labels: ['task_type'],
    help: 'Handlers that ignored their abort signal and were given up.',
  },
  command_events_subscribers: { type: 'gauge', labels: [], help: 'Subscribers to events of commands in this process.' },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type CommandMetricName = keyof typeof COMMAND_METRICS;
