import { type ErrorTable, errorFactory } from '@millrace/kit';

/** Errors of the program itself: its settings, its handlers file, its command line. */
export const SERVER_ERRORS = {
  CONFIG_INVALID: {
    message: 'Millrace does not start: {count} to correct in its settings.{list}',
    status: 500,
    retryable: false,
  },
  HANDLERS_NOT_FOUND: {
    message: 'The handlers file {file} does not exist.{suggestion}',
    status: 500,
    retryable: false,
  },
  HANDLERS_NOT_LOADED: {
    message: 'The handlers file {file} cannot be loaded: {reason}',
    status: 500,
    retryable: false,
  },
  HANDLERS_EMPTY: {
    message:
      'The handlers file {file} exports no command definition. Export what defineCommand({ type, handler }) returns; it exports {exports}.',
    status: 500,
    retryable: false,
  },
  HANDLERS_DUPLICATE: {
    message: 'The handlers file {file} defines the type {type} twice: in its exports {first} and {second}.',
    status: 500,
    retryable: false,
  },
  DATA_DIRECTORY_UNUSABLE: {
    message: 'The data directory {directory} cannot be used: {reason}. Name another with --data or MILLRACE_DATA.',
    status: 500,
    retryable: false,
  },
  NOT_STARTED: { message: '{what} needs a started Millrace: await start() first.', status: 500, retryable: false },
  CLOCK_NOT_VIRTUAL: {
    message: 'Only a virtual clock can be moved: create Millrace with { test: true }, or with a VirtualClock.',
    status: 500,
    retryable: false,
  },
  CLI_USAGE: { message: '{problem}', status: 400, retryable: false },
} as const satisfies ErrorTable;

export const serverError = errorFactory(SERVER_ERRORS);
