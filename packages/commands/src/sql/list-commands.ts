import type { SqlValue } from '@millrace/engines/store';
import { type CommandStatus, isTerminal } from '@millrace/kit';
import type { ListFilter } from '../commands.ts';
import { invalid } from '../errors.ts';

export const LIST_LIMIT_DEFAULT = 50;
export const LIST_LIMIT_MAX = 1_000;

/**
 * What a page is ordered by, newest first. Each order is the order of an index, so that a page costs what it shows:
 * - `id`: acceptance. By the table itself, or by correlation.
 * - `created`: acceptance within a type, by `commands_by_type`.
 * - `ended`: the end within a state, by `commands_by_end`.
 */
type Order = 'id' | 'created' | 'ended';

const ORDERS: Readonly<Record<Order, { readonly letter: string; readonly column: string }>> = {
  id: { letter: 'i', column: 'c.id' },
  created: { letter: 'c', column: 'c.created_at' },
  ended: { letter: 'e', column: 'c.updated_at' },
};

/** The place where a page ended. */
interface Place {
  readonly at: number;
  readonly id: number;
}

export interface ListedRow {
  readonly id: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface ListQuery {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly limit: number;
  /** The cursor that goes on after a row. */
  cursorAfter(row: ListedRow): string;
}

const WIDE = `
  SELECT c.*, p.payload AS payload, p.metadata AS metadata, r.result AS result, r.error AS error`;
/** As `WIDE`, without what may be large. */
const BRIEF = 'SELECT c.*, NULL AS payload, NULL AS metadata, NULL AS result, r.error AS error';
const JOINED = `
  LEFT JOIN command_payloads p ON p.command_id = c.id
  LEFT JOIN command_results r ON r.command_id = c.id`;

/**
 * The query of one page. What drives it, in this order: the correlation, states that few are in (waiting and running
 * ones by their partial indexes, ends other than success), the type, the end, and else the table itself; the remaining
 * filters are applied on the way.
 *
 * @throws VALIDATION_ERROR for a cursor of another list
 */
export function listQuery(filter: ListFilter, deadLettersOnly: boolean): ListQuery {
  const limit = Math.min(Math.max(1, filter.limit ?? LIST_LIMIT_DEFAULT), LIST_LIMIT_MAX);
  const status = deadLettersOnly ? 'FAILURE' : filter.status;
  const { index, order, when } = driverOf(filter, status);
  const conditions: [string, ...SqlValue[]][] = when === undefined ? [] : [[when]];
  if (status !== undefined) conditions.push(['c.status = ?', status]);
  if (deadLettersOnly) conditions.push(['c.dead_lettered = 1']);
  if (filter.taskType !== undefined) conditions.push(['c.task_type = ?', filter.taskType]);
  if (filter.correlationId !== undefined) conditions.push(['c.correlation_id = ?', filter.correlationId]);
  if (filter.createdFrom !== undefined) conditions.push(['c.created_at >= ?', filter.createdFrom.getTime()]);
  if (filter.createdTo !== undefined) conditions.push(['c.created_at < ?', filter.createdTo.getTime()]);
  const { column, letter } = ORDERS[order];
  const place = filter.cursor === undefined ? undefined : placeOf(filter.cursor, letter);
  if (place !== undefined && order === 'id') conditions.push(['c.id < ?', place.id]);
  else if (place !== undefined) conditions.push([`(${column}, c.id) < (?, ?)`, place.at, place.id]);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(([sql]) => sql).join(' AND ')}`;
  const by = order === 'id' ? 'c.id DESC' : `${column} DESC, c.id DESC`;
  return {
    sql: `${filter.brief === true ? BRIEF : WIDE} FROM commands c ${index} ${JOINED} ${where} ORDER BY ${by} LIMIT ?`,
    values: [...conditions.flatMap(([, ...values]) => values), limit + 1],
    limit,
    cursorAfter: (row) => cursorOf(letter, { at: order === 'ended' ? row.updated_at : row.created_at, id: row.id }),
  };
}

const READY = 'SELECT id FROM commands INDEXED BY commands_claimable WHERE ready = 1';
const LATER = 'SELECT id FROM commands INDEXED BY commands_waiting WHERE ready = 0';

/** Where commands that wait are found. */
const WAITING = {
  QUEUED: `c.id IN (${READY})`,
  SCHEDULED: `c.id IN (${LATER})`,
  RETRYING: `c.id IN (${READY} UNION ALL ${LATER})`,
} as const;

interface Driver {
  readonly index: string;
  readonly order: Order;
  /** The condition of the partial index. */
  readonly when?: string;
}

function driverOf(filter: ListFilter, status: CommandStatus | undefined): Driver {
  if (filter.correlationId !== undefined) return { index: 'INDEXED BY commands_by_correlation', order: 'id' };
  const byEnd: Driver = { index: 'INDEXED BY commands_by_end', order: 'ended', when: 'c.finished_at IS NOT NULL' };
  // A few live rows are sorted rather than a million ended ones looked through.
  if (status === 'RUNNING')
    return { index: 'INDEXED BY commands_leased', order: 'id', when: 'c.lease_owner IS NOT NULL' };
  if (status !== undefined && !isTerminal(status)) return { index: '', order: 'id', when: WAITING[status] };
  if (status !== undefined && status !== 'SUCCESS') return byEnd;
  if (filter.taskType !== undefined) return { index: 'INDEXED BY commands_by_type', order: 'created' };
  return status === undefined ? { index: 'NOT INDEXED', order: 'id' } : byEnd;
}

function cursorOf(letter: string, { at, id }: Place): string {
  return `${letter}${at.toString(36)}.${id.toString(36)}`;
}

const CURSOR = /^([a-z])([0-9a-z]{1,11})\.([0-9a-z]{1,11})$/;

function placeOf(cursor: string, letter: string): Place {
  const found = CURSOR.exec(cursor);
  const [at, id] = [found?.[2], found?.[3]].map((text) => Number.parseInt(text ?? '', 36));
  if (found?.[1] !== letter || !Number.isSafeInteger(at) || !Number.isSafeInteger(id)) {
    throw invalid('/cursor', 'This cursor is none of ours, or of a list with other filters. Begin without one.');
  }
  return { at: at ?? 0, id: id ?? 0 };
}
