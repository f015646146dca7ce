import type { HttpRequest } from '@millrace/http';
import type { AppError, Clock, Logger } from '@millrace/kit';
import type { TSchema } from 'typebox';
import type { Commands } from '../commands.ts';
import { WAIT_MS_MAX } from './preferences.ts';

/** What the routes of the room work with. */
export interface CommandRoutesOptions {
  readonly commands: Commands;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The longest that one request waits for a command to end, in ms. Default and most: `WAIT_MS_MAX`. */
  readonly waitMsMax?: number | undefined;
}

/** The longest wait that is granted, in ms. */
export function longestWaitMs({ waitMsMax = WAIT_MS_MAX }: Pick<CommandRoutesOptions, 'waitMsMax'>): number {
  return Math.min(waitMsMax, WAIT_MS_MAX);
}

/** Tag of the room's routes in the OpenAPI document. */
export const TAGS = ['commands'];

/** Response schemas as documentation: what rooms return is wider than what they promise, and nothing is dropped from it. */
export function answers(schemas: Readonly<Record<number, TSchema>>): Readonly<Record<number, TSchema>> {
  return schemas;
}

/** Keeps a body schema as documentation: the room checks submissions itself, with JSON pointers, once. */
export const documentsOnly = () => () => true;

/** Statuses that say nothing about the command of that taskId: another one holds it, or not now. */
const UNDECIDED: ReadonlySet<number> = new Set([401, 403, 409, 429]);

/** What the contract promises beside `error` when a submission is refused: `taskId` and `status: "FAILURE"`. */
export function refusalFields({ body }: HttpRequest, error: AppError): Readonly<Record<string, unknown>> {
  const { taskId } = Object(body) as { taskId?: unknown };
  const known = typeof taskId === 'string' && taskId.length <= 100 ? { taskId } : {};
  return error.status >= 500 || UNDECIDED.has(error.status) ? known : { ...known, status: 'FAILURE' };
}
