import type { Store } from '@millrace/engines/store';
import type { CommandEvent } from '@millrace/kit';
import {
  BEGINNING,
  batchEventId,
  countEvents,
  type ListedEvent,
  listEvents,
  type Position,
  parseBatchEventId,
  stateEvent,
} from './event-message.ts';
import {
  type BatchBounds,
  type BatchRow,
  type EndRow,
  type NameRow,
  READ_BATCH,
  READ_BATCH_BOUNDS,
  READ_BATCHES,
  READ_FINALS,
  READ_NAMES,
  READ_RETRIES,
} from './sql/read-events.ts';
import type { EventBatch } from './sql/record-events.ts';

/** Events whose words are looked up together. */
const CHUNK_EVENTS = 1_000;

/** An event of a batch that has been read and not yet put into words. */
interface Pending extends ListedEvent {
  readonly seq: number;
  readonly index: number;
  readonly isLast: boolean;
  /** Ms since the epoch, and the same as ISO 8601. */
  readonly atMs: number;
  readonly at: string;
}

export interface Chunk {
  readonly events: readonly CommandEvent[];
  /** Where it ends. */
  readonly position: Position;
}

/** Reads the stored stream of all commands, one chunk after the other; memory holds little more than one batch. */
export class BatchReader {
  readonly #store: Store;
  #pending: Pending[] = [];
  #head = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The first and the last batch that is kept; 0 when there is none. */
  async bounds(): Promise<{ readonly oldest: number; readonly newest: number }> {
    const [row] = await this.#store.lookup<BatchBounds>(READ_BATCH_BOUNDS);
    return { oldest: row?.oldest ?? 0, newest: row?.newest ?? 0 };
  }

  /** The place that a `Last-Event-ID` names; `undefined` when what follows it is not all there, or it is none of ours. */
  async placeOf(lastEventId: string): Promise<Position | undefined> {
    const named = parseBatchEventId(lastEventId);
    if (named === undefined) return undefined;
    if (named.seq === 0) return (await this.bounds()).oldest <= 1 ? BEGINNING : undefined;
    const batch = await this.#batch(named.seq);
    return batch === undefined || named.index >= countEvents(batch) ? undefined : named;
  }

  /** Where the stream ends now, and the id by which to resume from there. */
  async end(): Promise<{ readonly seq: number; readonly id: string }> {
    const { newest } = await this.bounds();
    const batch = await this.#batch(newest);
    return { seq: newest, id: batch === undefined ? '0-0' : batchEventId(newest, countEvents(batch) - 1) };
  }

  /** The next events; `undefined` when some of them are no longer kept. */
  async after(place: Position): Promise<Chunk | undefined> {
    this.#skipTo(place);
    if (this.#head >= this.#pending.length && !(await this.#fetch(place))) return undefined;
    const chunk = this.#pending.slice(this.#head, this.#head + CHUNK_EVENTS);
    this.#head += chunk.length;
    const last = chunk.at(-1);
    if (last === undefined) return { events: [], position: { ...place, index: Number.POSITIVE_INFINITY } };
    const index = last.isLast ? Number.POSITIVE_INFINITY : last.index;
    return { events: await this.#describe(chunk), position: { seq: last.seq, index } };
  }

  #skipTo({ seq, index }: Position): void {
    for (let next = this.#pending[this.#head]; next !== undefined; next = this.#pending[this.#head]) {
      if (next.seq > seq || (next.seq === seq && next.index > index)) return;
      this.#head += 1;
    }
  }

  async #fetch(place: Position): Promise<boolean> {
    const from = place.index === Number.POSITIVE_INFINITY ? place.seq + 1 : place.seq;
    const rows = await this.#store.query<BatchRow>(READ_BATCHES, from);
    this.#pending = rows.flatMap(pendingOf);
    this.#head = 0;
    this.#skipTo(place);
    return rows[0]?.seq === from;
  }

  async #batch(seq: number): Promise<EventBatch | undefined> {
    const [row] = await this.#store.lookup<BatchRow>(READ_BATCH, seq);
    return row === undefined ? undefined : (JSON.parse(row.events) as EventBatch);
  }

  async #describe(chunk: readonly Pending[]): Promise<CommandEvent[]> {
    const ids = [...new Set(chunk.map(({ id }) => id))];
    const named = await this.#store.query<NameRow>(READ_NAMES, JSON.stringify(ids));
    const names = new Map(named.map((row) => [row.id, row]));
    const ends = new Map([
      ...(await this.#ends(READ_RETRIES, chunk, (kind) => kind === 'retrying')),
      ...(await this.#ends(READ_FINALS, chunk, (kind) => kind === 'failed' || kind === 'partial')),
    ]);
    return chunk.flatMap((pending) => {
      const name = names.get(pending.id);
      if (name === undefined) return [];
      const { taskId, taskType } = name;
      const { seq, index, kind, attempt, at } = pending;
      const end = ends.get(pending);
      const id = batchEventId(seq, index);
      return [stateEvent({ id, kind, taskId, taskType, attempt, at, error: end?.error, nextAt: end?.nextAt })];
    });
  }

  async #ends(
    sql: string,
    chunk: readonly Pending[],
    isAsked: (kind: Pending['kind']) => boolean,
  ): Promise<Map<Pending, EndRow>> {
    const asked = chunk.filter(({ kind }) => isAsked(kind));
    if (asked.length === 0) return new Map();
    const keys = JSON.stringify(asked.map(({ id, attempt, atMs }) => [id, attempt, atMs]));
    const rows = await this.#store.query<EndRow>(sql, keys);
    // The rows of one place come in order: the last one stays.
    return new Map(rows.map((row) => [asked[row.place] as Pending, row]));
  }
}

function pendingOf({ seq, at: atMs, events }: BatchRow): Pending[] {
  const listed = listEvents(JSON.parse(events) as EventBatch);
  const at = new Date(atMs).toISOString();
  return listed.map((event, index) => ({ ...event, seq, index, atMs, at, isLast: index === listed.length - 1 }));
}
