export type { PayloadOf, SubmitFields, TaskRef } from '@millrace/client';
export type { Commands, SubmitReceipt } from '@millrace/commands';
export {
  type Command,
  type CommandContext,
  type CommandDefinition,
  type CommandEvent,
  type CommandHandler,
  type CommandOutcome,
  type CommandStatus,
  type CommandView,
  defineCommand,
  partial,
  Recoverable,
  RetryAfter,
  type SubmitInput,
  Unrecoverable,
  VirtualClock,
} from '@millrace/kit';
export { createMillrace, type Millrace, type ResultOptions, type TypedReceipt } from './millrace.ts';
export type { AdmissionLimits, HttpSettings, MillraceOptions, RetentionLimits } from './millrace-options.ts';
