export { BATCH_BYTES_MAX, BATCH_ITEMS_MAX, type BatchOptions } from './batch.ts';
export {
  createClient,
  type ListQuery,
  type MillraceClient,
  type RedriveFilter,
  type TypeState,
  type TypeStats,
  WAIT_MS_DEFAULT,
} from './client.ts';
export { CLIENT_ERRORS, type ClientErrorCode, MillraceApiError } from './errors.ts';
export type { ClientOptions } from './options.ts';
export type {
  MissedPolicy,
  ScheduleChanges,
  ScheduledCommand,
  ScheduleInput,
  Schedules,
  ScheduleView,
} from './schedules.ts';
export type {
  CallOptions,
  PayloadOf,
  ProcessAnswer,
  Processor,
  SubmitFields,
  SubmittedTask,
  Submitter,
  TaskRef,
} from './typed.ts';
export type { WatchMessage, WatchOptions } from './watch.ts';
