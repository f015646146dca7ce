import type { CommandMetadata, Page } from '@millrace/kit';
import type { Transport } from './transport.ts';
import type { CallOptions } from './typed.ts';

/** A cron rule that submits commands. Further fields are sent and given back as they are. */
export interface ScheduleInput {
  readonly scheduleId?: string;
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** IANA name. Default UTC. */
  readonly timeZone?: string;
  readonly taskType: string;
  readonly payload?: unknown;
  readonly metadata?: CommandMetadata;
  readonly [field: string]: unknown;
}

export interface ScheduleView extends ScheduleInput {
  readonly scheduleId: string;
}

export interface Schedules {
  create(input: ScheduleInput, options?: CallOptions): Promise<ScheduleView>;
  list(query?: { readonly limit?: number; readonly cursor?: string } & CallOptions): Promise<Page<ScheduleView>>;
  get(scheduleId: string, options?: CallOptions): Promise<ScheduleView>;
  update(scheduleId: string, change: Partial<ScheduleInput>, options?: CallOptions): Promise<ScheduleView>;
  remove(scheduleId: string, options?: CallOptions): Promise<void>;
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
    update: (scheduleId, change, options) =>
      call('PATCH', pathOf(scheduleId), { body: change, signal: options?.signal }),
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
