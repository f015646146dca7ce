export { createAssistantCommands } from './assistant-commands.ts';
export { ASSISTANT_ERRORS } from './errors.ts';
export type { AssistantOptions } from './options.ts';
export {
  type AssistantPayload,
  CONTEXT_CHARS_MAX,
  executeAssistantPayload,
  INPUT_CHARS_MAX,
  type ScheduleHabitsPayload,
  scheduleHabitsPayload,
} from './payloads.ts';
export type {
  AssistantResult,
  CompletionOutput,
  CompletionUsage,
  DatePrecision,
  ExtractedDate,
  ExtractOutput,
  TextCounts,
} from './results.ts';
