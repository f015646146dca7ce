import { defineProcedure, type SqlConnection } from '@millrace/engines/store';
import type { EndedAttempt } from '../command.ts';
import { Rollups } from './add-rollups.ts';
import { type Claimed, type ClaimRequest, claimCommands } from './claim-commands.ts';
import { type DepthChange, DepthCount } from './depth-count.ts';
import { endAttempts } from './end-attempts.ts';
import { type Expired, expireOverdue, nextExpiryAt } from './expire-commands.ts';
import { type Arrival, type Duplicate, insertCommands } from './insert-commands.ts';
import { nextDueAt, promoteDue } from './promote-due.ts';
import { addEvent, type EventBatch, recordEvents, type StoredEventKind } from './record-events.ts';

/** Everything that one commit carries. */
export interface Departure {
  readonly now: number;
  readonly worker: number;
  readonly ended: readonly EndedAttempt[];
  readonly arrivals: readonly Arrival[];
  readonly claims: readonly ClaimRequest[];
  /** Starts of rate-limited types, kept so that the limit holds across a restart. */
  readonly limitedTypes: readonly string[];
  readonly promote: boolean;
  /** Whether to end what has expired while it waited; absent: no. */
  readonly expire?: boolean;
}

/** What became of it. */
export interface Arrived {
  /** Positions of ended attempts whose lease was no longer current. */
  readonly refused: readonly number[];
  readonly duplicates: readonly Duplicate[];
  /** One answer per claim request. */
  readonly claims: readonly Claimed[];
  readonly depth: readonly DepthChange[];
  /** When the next waiting command is due; `undefined` when it was not asked for. */
  readonly nextDueAt?: number | null;
  /** What the sweep has ended, and when the next waiting command expires; `undefined` when there was no sweep. */
  readonly expiry?: { readonly expired: readonly Expired[]; readonly nextAt: number | null };
  /** Number of the batch of events; 0 when there were none. */
  readonly seq: number;
  readonly events: EventBatch;
}

/**
 * The hot path, one transaction for all of it: what ended frees its slots, what is new goes in (into a slot if one is
 * free), what waits is claimed for the slots that are left. One fsync per departure, whatever it carries.
 */
export const departTrain = defineProcedure<Departure, Arrived>({
  name: 'commands.departTrain',
  sqlite(db, departure) {
    const { now, worker } = departure;
    const depth = new DepthCount();
    const events: EventBatch = {};
    const rollups = new Rollups();
    const from = { now, worker, depth, rollups };
    const refused = endAttempts(db, departure.ended, from);
    noteEnds(departure.ended, refused, events);
    const duplicates = insertCommands(db, departure.arrivals, from);
    noteArrivals(departure.arrivals, duplicates, events);
    const expired = departure.expire === true ? expireOverdue(db, from) : [];
    for (const command of expired) addEvent(events, 'expired', command);
    if (departure.promote) promoteDue(db, now, depth);
    const claims = departure.claims.map((request) => claimCommands(db, request, from));
    noteClaims(claims, events);
    rollups.write(db);
    if (departure.limitedTypes.length > 0) keepStarts(db, departure, claims);
    const seq = recordEvents(db, now, events);
    const answer = { refused, duplicates, claims, depth: depth.changes(), seq, events };
    return {
      ...answer,
      ...(departure.promote ? { nextDueAt: nextDueAt(db) } : {}),
      ...(departure.expire === true ? { expiry: { expired, nextAt: nextExpiryAt(db) } } : {}),
    };
  },
});

const KIND_OF_END: Readonly<Record<EndedAttempt['status'], StoredEventKind | undefined>> = {
  SUCCESS: 'succeeded',
  PARTIAL_SUCCESS: 'partial',
  FAILURE: 'failed',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
  RETRYING: 'retrying',
  QUEUED: undefined,
};

function noteEnds(ended: readonly EndedAttempt[], refused: readonly number[], events: EventBatch): void {
  const stale = refused.length === 0 ? undefined : new Set(refused);
  for (let index = 0; index < ended.length; index++) {
    const attempt = ended[index] as EndedAttempt;
    const kind = KIND_OF_END[attempt.status];
    if (kind === undefined || attempt.outcome === 'returned' || stale?.has(index) === true) continue;
    addEvent(events, kind, attempt);
  }
}

function noteArrivals(arrivals: readonly Arrival[], duplicates: readonly Duplicate[], events: EventBatch): void {
  const known = duplicates.length === 0 ? undefined : new Set(duplicates.map(({ index }) => index));
  for (let index = 0; index < arrivals.length; index++) {
    if (known?.has(index) === true) continue;
    const { command, claim } = arrivals[index] as Arrival;
    addEvent(events, 'queued', { id: command.id, attempt: 0 });
    if (claim) addEvent(events, 'started', { id: command.id, attempt: 1 });
  }
}

function noteClaims(claims: readonly Claimed[], events: EventBatch): void {
  for (const claim of claims) {
    for (const command of claim.commands) addEvent(events, 'started', command);
    for (const command of claim.expired) addEvent(events, 'expired', command);
  }
}

const KEEP_START = 'INSERT INTO command_starts (started_at, task_type, concurrency_key) VALUES (?, ?, ?)';

function keepStarts(db: SqlConnection, departure: Departure, claims: readonly Claimed[]): void {
  const limited = new Set(departure.limitedTypes);
  const started = [
    ...departure.arrivals.filter(({ claim }) => claim).map(({ command }) => command),
    ...claims.flatMap(({ commands }) => commands),
  ];
  for (const { taskType, concurrencyKey } of started) {
    if (limited.has(taskType)) db.run(KEEP_START, departure.now, taskType, concurrencyKey);
  }
}
