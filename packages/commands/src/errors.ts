import { type AppError, type ErrorBody, errorFactory } from '@millrace/kit';

/** Errors of the room. The first five codes are the contract's; a command's own failures carry them too. */
export const COMMANDS_ERRORS = {
  VALIDATION_ERROR: { message: '{reason}', status: 400, retryable: false },
  PROCESSING_ERROR: { message: '{reason}', status: 500, retryable: true },
  TIMEOUT_ERROR: { message: 'The handler did not end within {timeoutMs} ms.', status: 500, retryable: true },
  RESOURCE_ERROR: { message: '{reason}', status: 503, retryable: true },
  EXTERNAL_SERVICE_ERROR: { message: '{reason}', status: 502, retryable: true },
  MAX_RETRIES_EXCEEDED: {
    message: 'All {attempts} attempts failed; the last one: {reason}',
    status: 500,
    retryable: false,
  },
  UNKNOWN_TASK_TYPE: {
    message: 'No handler is registered for taskType {taskType}. {suggestion}',
    status: 400,
    retryable: false,
  },
  COMMAND_NOT_FOUND: { message: 'There is no command {taskId}.', status: 404, retryable: false },
  COMMAND_CONFLICT: {
    message: 'The taskId {taskId} was used for another command. Send the same body for a replay, or a new taskId.',
    status: 409,
    retryable: false,
  },
  COMMAND_ALREADY_ENDED: {
    message: 'The command {taskId} has ended already ({status}).',
    status: 409,
    retryable: false,
  },
  COMMAND_NOT_ENDED: {
    message: 'The command {taskId} has not ended ({status}). Cancel it first.',
    status: 409,
    retryable: false,
  },
  COMMAND_NOT_RETRYABLE: {
    message: 'The command {taskId} is {status}: only FAILURE, PARTIAL_SUCCESS, CANCELLED and EXPIRED can be run again.',
    status: 409,
    retryable: false,
  },
  SCHEDULE_NOT_FOUND: { message: 'There is no schedule {scheduleId}.', status: 404, retryable: false },
  SCHEDULE_CONFLICT: { message: 'The schedule {scheduleId} {reason}.', status: 409, retryable: false },
  SCHEDULES_FULL: {
    message: 'There are {limit} schedules already. Remove some first.',
    status: 409,
    retryable: false,
  },
  OVERLOADED: { message: '{reason} Try again after {retryAfterSeconds} s.', status: 429, retryable: true },
  UNAVAILABLE: { message: '{reason} Try again after {retryAfterSeconds} s.', status: 503, retryable: true },
  TOO_MANY_WAITERS: {
    message: 'More than {limit} callers wait for results. Ask for the result later by its taskId.',
    status: 503,
    retryable: true,
  },
  TOO_MANY_SUBSCRIBERS: {
    message: 'More than {limit} streams of events are open. Close one, or try again later.',
    status: 503,
    retryable: true,
  },
} as const;

export const commandsError = errorFactory(COMMANDS_ERRORS);

/** A fault of the input, with the JSON pointer (RFC 6901) of where it lies. */
export function invalid(pointer: string, reason: string): AppError {
  return commandsError('VALIDATION_ERROR', { details: { pointer, field: pointer.slice(1), reason } });
}

/** An error as it is stored with a command. */
export function storedError(
  code: string,
  message: string,
  more: Partial<Pick<ErrorBody, 'details' | 'retryable'>> = {},
): ErrorBody {
  return { code, message, details: more.details ?? {}, retryable: more.retryable ?? false };
}
