import { AppError, createUuidV7, type Page, type Service } from '@millrace/kit';
import { commandsError, invalid } from '../errors.ts';
import {
  deleteSchedule,
  insertSchedule,
  LIST_SCHEDULES,
  READ_SCHEDULE,
  updateSchedule,
} from '../sql/schedule-procedures.ts';
import { CronTicks } from './cron-ticks.ts';
import {
  firingTaskId,
  MISSED_POLICIES,
  SCHEDULE_ID_CHARACTERS_MAX,
  SCHEDULED_COMMAND_CHARACTERS_MAX,
  SCHEDULES_MAX,
  type Schedule,
  type ScheduleChanges,
  type ScheduleInput,
  type ScheduleRow,
  scheduleView,
} from './schedule.ts';
import type { SchedulesOptions } from './schedule-options.ts';
import { commandOf, ScheduleTimer } from './schedule-timer.ts';

export type { SchedulesOptions } from './schedule-options.ts';

export const SCHEDULES_LIMIT_DEFAULT = 50;
export const SCHEDULES_LIMIT_MAX = 1_000;

/** Fields of a scheduled command that each firing has its own of. */
const FIRING_FIELDS = ['taskId', 'delay', 'runAt', 'expiresAt'];

/** How often a change is tried again when another one came between reading and writing. */
const UPDATE_TRIES_MAX = 5;

/** Commands by the calendar: what fires, when, and what becomes of ticks that were missed. */
export interface Schedules extends Service {
  /** @throws VALIDATION_ERROR, UNKNOWN_TASK_TYPE, SCHEDULE_CONFLICT, SCHEDULES_FULL */
  create(input: ScheduleInput): Promise<Schedule>;
  /** @throws SCHEDULE_NOT_FOUND */
  get(scheduleId: string): Promise<Schedule>;
  /** By scheduleId. @throws VALIDATION_ERROR for a cursor that is none of ours */
  list(page?: { readonly limit?: number | undefined; readonly cursor?: string | undefined }): Promise<Page<Schedule>>;
  /**
   * Takes effect at once. A new pattern or zone, and being enabled again, begins with the next tick from now; a tick
   * that was due and had not fired is dropped then.
   *
   * @throws SCHEDULE_NOT_FOUND, SCHEDULE_CONFLICT, VALIDATION_ERROR, UNKNOWN_TASK_TYPE
   */
  update(scheduleId: string, changes: ScheduleChanges): Promise<Schedule>;
  /** Replaces a schedule as a whole, or creates it. @throws as `create` and `update` do */
  put(input: ScheduleInput & { readonly scheduleId: string }): Promise<{ schedule: Schedule; isNew: boolean }>;
  /** Nothing of it fires any more; what it has fired goes on. @throws SCHEDULE_NOT_FOUND */
  remove(scheduleId: string): Promise<void>;
  /** Fires once now, beside its ticks. @returns the taskId @throws SCHEDULE_NOT_FOUND and what `submit` throws */
  run(scheduleId: string): Promise<{ readonly taskId: string }>;
}

/** Makes the schedules of a store; they fire between `start` and `stop`. The store must be open, the commands started. */
export function createSchedules(options: SchedulesOptions): Schedules {
  return new StoredSchedules(options);
}

class StoredSchedules implements Schedules {
  readonly #options: SchedulesOptions;
  readonly #timer: ScheduleTimer;
  readonly #newId: () => string;

  constructor(options: SchedulesOptions) {
    this.#options = options;
    this.#timer = new ScheduleTimer(options);
    this.#newId = createUuidV7(() => options.clock.now());
  }

  start(): Promise<void> {
    return this.#timer.start();
  }

  stop(): Promise<void> {
    return this.#timer.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async create(input: ScheduleInput): Promise<Schedule> {
    const now = this.#options.clock.now();
    const scheduleId = scheduleIdOf(input.scheduleId ?? this.#newId());
    const row = await this.#row({ ...input, scheduleId }, now);
    const outcome = await this.#options.store.write(insertSchedule, { row, max: SCHEDULES_MAX });
    if (outcome === 'taken')
      throw commandsError('SCHEDULE_CONFLICT', { details: { scheduleId, reason: 'exists already' } });
    if (outcome === 'full') throw commandsError('SCHEDULES_FULL', { details: { limit: SCHEDULES_MAX } });
    this.#timer.expect(row.next_at);
    return scheduleView(row);
  }

  async get(scheduleId: string): Promise<Schedule> {
    return scheduleView(await this.#read(scheduleId));
  }

  async list(page: { limit?: number | undefined; cursor?: string | undefined } = {}): Promise<Page<Schedule>> {
    const limit = Math.min(Math.max(1, page.limit ?? SCHEDULES_LIMIT_DEFAULT), SCHEDULES_LIMIT_MAX);
    const after = page.cursor === undefined ? '' : scheduleIdOf(page.cursor, '/cursor');
    const rows = await this.#options.store.query<ScheduleRow>(LIST_SCHEDULES, after, limit + 1);
    const items = rows.slice(0, limit).map(scheduleView);
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.scheduleId ?? null) : null };
  }

  async update(scheduleId: string, changes: ScheduleChanges): Promise<Schedule> {
    for (let tries = 0; tries < UPDATE_TRIES_MAX; tries++) {
      const before = await this.#read(scheduleId);
      const now = this.#options.clock.now();
      const row = await this.#changed(before, changes, now);
      if (await this.#options.store.write(updateSchedule, { row })) {
        this.#timer.expect(row.next_at);
        return scheduleView({ ...row, last_error: null });
      }
    }
    throw commandsError('SCHEDULE_CONFLICT', { details: { scheduleId, reason: 'is being changed by others' } });
  }

  async put(input: ScheduleInput & { readonly scheduleId: string }): Promise<{ schedule: Schedule; isNew: boolean }> {
    const { scheduleId } = input;
    const [known] = await this.#options.store.lookup<ScheduleRow>(READ_SCHEDULE, scheduleId);
    if (known === undefined) return { schedule: await this.create(input), isNew: true };
    const whole = { timeZone: 'UTC', missed: 'skip', enabled: true, ...input } as const;
    return { schedule: await this.update(scheduleId, whole), isNew: false };
  }

  async remove(scheduleId: string): Promise<void> {
    if (await this.#options.store.write(deleteSchedule, { scheduleId })) return;
    throw commandsError('SCHEDULE_NOT_FOUND', { details: { scheduleId } });
  }

  async run(scheduleId: string): Promise<{ readonly taskId: string }> {
    const row = await this.#read(scheduleId);
    const taskId = firingTaskId(scheduleId, this.#options.clock.now());
    await this.#options.commands.submit(commandOf(row, taskId));
    return { taskId };
  }

  async #read(scheduleId: string): Promise<ScheduleRow> {
    const [row] = await this.#options.store.lookup<ScheduleRow>(READ_SCHEDULE, scheduleId);
    if (row === undefined) throw commandsError('SCHEDULE_NOT_FOUND', { details: { scheduleId } });
    return row;
  }

  async #changed(before: ScheduleRow, changes: ScheduleChanges, now: number): Promise<ScheduleRow> {
    const view = scheduleView(before);
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const row = await this.#row({ ...view, ...given }, now);
    const isSameTime = row.cron === before.cron && row.time_zone === before.time_zone && row.enabled === before.enabled;
    const { created_at, last_at, revision } = before;
    return { ...row, created_at, last_at, revision, next_at: isSameTime ? before.next_at : row.next_at };
  }

  /** @throws VALIDATION_ERROR, UNKNOWN_TASK_TYPE */
  async #row(input: ScheduleInput & { readonly scheduleId: string }, now: number): Promise<ScheduleRow> {
    const { cron, timeZone = 'UTC', missed = 'skip', enabled = true, scheduleId } = input;
    if (typeof cron !== 'string') throw invalid('/cron', 'cron is missing.');
    if (typeof timeZone !== 'string') throw invalid('/timeZone', 'timeZone must be a text.');
    if (!MISSED_POLICIES.includes(missed)) {
      throw invalid('/missed', `missed must be one of ${MISSED_POLICIES.join(', ')}.`);
    }
    if (typeof enabled !== 'boolean') throw invalid('/enabled', 'enabled must be true or false.');
    const next = new CronTicks(cron, timeZone).after(now);
    if (next === undefined) throw invalid('/cron', 'cron never fires: there is no such day.');
    await this.#checkCommand(input.command);
    return {
      schedule_id: scheduleId,
      cron,
      time_zone: timeZone,
      command: JSON.stringify(input.command),
      missed,
      enabled: enabled ? 1 : 0,
      created_at: now,
      updated_at: now,
      next_at: enabled ? next : null,
      last_at: null,
      last_error: null,
      revision: 1,
    };
  }

  async #checkCommand(command: unknown): Promise<void> {
    if (typeof command !== 'object' || command === null) throw invalid('/command', 'command must be a JSON object.');
    if (JSON.stringify(command).length > SCHEDULED_COMMAND_CHARACTERS_MAX) {
      throw invalid('/command', `command must have at most ${SCHEDULED_COMMAND_CHARACTERS_MAX} characters of JSON.`);
    }
    const own = FIRING_FIELDS.find((name) => Object.hasOwn(command, name));
    if (own !== undefined) throw invalid(`/command/${own}`, `A scheduled command has no ${own}: its ticks say when.`);
    await this.#options.commands.check(command).catch((error: unknown) => {
      throw within('/command', error);
    });
  }
}

/** The same error, with its pointer below another one. */
function within(parent: string, error: unknown): unknown {
  if (!(error instanceof AppError) || typeof error.details.pointer !== 'string') return error;
  const pointer = `${parent}${error.details.pointer}`;
  const { code, message, status, retryable } = error;
  const details = { ...error.details, pointer, ...('field' in error.details ? { field: pointer.slice(1) } : {}) };
  return new AppError(code, { message, status, retryable }, { details, cause: error });
}

const SCHEDULE_ID = new RegExp(`^[A-Za-z0-9_-]{1,${SCHEDULE_ID_CHARACTERS_MAX}}$`);

function scheduleIdOf(value: unknown, pointer = '/scheduleId'): string {
  if (typeof value === 'string' && SCHEDULE_ID.test(value)) return value;
  throw invalid(pointer, `It must be 1–${SCHEDULE_ID_CHARACTERS_MAX} letters, digits, "_" or "-".`);
}
