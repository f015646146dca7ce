import type { Page, SubmitInput } from '@millrace/kit';
import type { Transport } from './transport.ts';
import type { CallOptions } from './typed.ts';

/** What each firing submits; its taskId is `<scheduleId>-<seconds since the epoch>`, so that a tick fires once. */
export type ScheduledCommand = Omit<SubmitInput, 'taskId' | 'delay' | 'runAt' | 'expiresAt'>;

/** Ticks that were missed while nothing ran: none fires, one for all of them, or each (the first 1,000). */
export type MissedPolicy = 'skip' | 'run-once' | 'back-fill';

export interface ScheduleInput {
  /** 1–88 letters, digits, `_` or `-`. Default: a new UUIDv7. */
  readonly scheduleId?: string;
  /** 5 fields, or 6 with seconds in front. */
  readonly cron: string;
  /** IANA name. Default UTC. */
  readonly timeZone?: string;
  readonly command: ScheduledCommand;
  /** Default `skip`. */
  readonly missed?: MissedPolicy;
  /** Default true. */
  readonly enabled?: boolean;
}

export type ScheduleChanges = Partial<Omit<ScheduleInput, 'scheduleId'>>;

/** A schedule as the server shows it. Instants are ISO 8601. */
export interface ScheduleView extends Required<ScheduleInput> {
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The tick that fires next; null while it is not enabled. */
  readonly nextAt: string | null;
  /** The tick that fired last. */
  readonly lastAt: string | null;
  /** Why its last firing was refused, if it was. */
  readonly lastError?: string;
}

export interface Schedules {
  create(input: ScheduleInput, options?: CallOptions): Promise<ScheduleView>;
  list(query?: { readonly limit?: number; readonly cursor?: string } & CallOptions): Promise<Page<ScheduleView>>;
  get(scheduleId: string, options?: CallOptions): Promise<ScheduleView>;
  update(scheduleId: string, changes: ScheduleChanges, options?: CallOptions): Promise<ScheduleView>;
  remove(scheduleId: string, options?: CallOptions): Promise<void>;
  /** Fires once now, beside its ticks. */
  run(scheduleId: string, options?: CallOptions): Promise<{ readonly taskId: string }>;
}

/** CRUD of `/schedules`. */
export function createSchedules(transport: Transport): Schedules {
  const pathOf = (scheduleId: string): string => `/schedules/${encodeURIComponent(scheduleId)}`;
  const call = async <TAnswer>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    call: CallOptions & { readonly body?: unknown },
  ): Promise<TAnswer> => {
    const repeat = method === 'GET' || method === 'PATCH' ? 'always' : 'refused';
    const answer = await transport.request({ method, path, body: call.body, repeat, signal: call.signal });
    return answer.body as TAnswer;
  };
  return {
    create: (input, options) => call('POST', '/schedules', { body: input, signal: options?.signal }),
    list: ({ signal, ...query } = {}) => call('GET', `/schedules${toQuery(query)}`, { signal }),
    get: (scheduleId, options) => call('GET', pathOf(scheduleId), { signal: options?.signal }),
    update: (scheduleId, changes, options) =>
      call('PATCH', pathOf(scheduleId), { body: changes, signal: options?.signal }),
    run: (scheduleId, options) => call('POST', `${pathOf(scheduleId)}/run`, { signal: options?.signal }),
    remove: (scheduleId, options) => call('DELETE', pathOf(scheduleId), { signal: options?.signal }),
  };
}

/** A query string with its `?`, or nothing: what is undefined is left out, dates become ISO 8601. */
export function toQuery(fields: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.set(name, value instanceof Date ? value.toISOString() : String(value));
  }
  return query.size === 0 ? '' : `?${query}`;
}
