import type { SqlConnection } from '@millrace/engines/store';
import { type CommandRow, CRASHES_MAX, type LeasedCommand, SUSPECT_CRASHES } from '../command.ts';
import { type Expired, type Expirer, expireCommand } from './expire-commands.ts';

/** What one type may claim now. */
export interface ClaimRequest {
  readonly taskType: string;
  /** How many at most. */
  readonly limit: number;
  /** How many at most of one key that `room` does not name. */
  readonly perKey: number;
  /** Keys that have less room than `perKey`, or none (0). */
  readonly room: readonly (readonly [key: string, room: number])[];
  /** The key that was served last; the next one in order comes first now. */
  readonly after: string;
  /** Whether a suspect (a command that was there when a process died twice) may be claimed. */
  readonly suspects: boolean;
}

export interface Claimed {
  readonly commands: readonly LeasedCommand[];
  /** Where the next claim of this type goes on. */
  readonly after: string;
  /** Commands that were found past their `expires_at` and ended. */
  readonly expired: readonly Expired[];
  /** True when it saw nothing but keys without room and did not see all of them. */
  readonly gaveUp: boolean;
}

export interface Claimer extends Expirer {
  readonly worker: number;
}

/** Keys served by one claim; the others have their turn in the next. */
const KEYS_PER_CLAIM = 64;

/** Index steps of one claim over keys that have no room, before it gives up until the next. */
export const KEY_STEPS_MAX = 512;

/** Payload characters of one claim: a thousand payloads of 1 MiB must not come into memory at once. */
const CLAIM_CHARACTERS_MAX = 8 * 1024 * 1024;

/* A loose index scan: each step is one descent of the partial index, however many commands wait under a key. */
const NEXT_KEY = `
  SELECT concurrency_key AS key FROM commands
  WHERE ready = 1 AND task_type = ? AND concurrency_key > ? ORDER BY concurrency_key LIMIT 1`;
const FIRST_KEY = `
  SELECT concurrency_key AS key FROM commands
  WHERE ready = 1 AND task_type = ? AND concurrency_key >= ? ORDER BY concurrency_key LIMIT 1`;

const CANDIDATES = `
  SELECT id, task_id, task_type, status, ready, concurrency_key, due_at, expires_at, priority, timeout_ms, run, attempts,
    failures, crashes, lease, correlation_id, created_at, queued_at
  FROM commands WHERE ready = 1 AND task_type = ? AND concurrency_key = ? AND crashes < ?
  ORDER BY order_at, id LIMIT ?`;

const LEASE = `
  UPDATE commands SET status = 'RUNNING', ready = NULL, lease = lease + 1, lease_owner = ?, attempts = attempts + 1,
    started_at = ?, updated_at = ?
  WHERE id = ? AND ready = 1`;

const PAYLOAD = 'SELECT payload, metadata, callback_url, trace FROM command_payloads WHERE command_id = ?';

interface PayloadRow {
  readonly payload: string | null;
  readonly metadata: string | null;
  readonly callback_url: string | null;
  readonly trace: string | null;
}

/**
 * Claims due commands of one type, key by key in turn (deficit round robin with equal quanta): a key with a million
 * waiting commands gets the same share of a claim as one with three. Inside a key the order is `order_at`.
 */
export function claimCommands(db: SqlConnection, request: ClaimRequest, by: Claimer): Claimed {
  const keys = keysInTurn(db, request);
  const claim = new Claim(db, request, by);
  let open = keys.open;
  let last = keys.open.length > 0 ? request.after : keys.scanned;
  while (open.length > 0 && claim.hasRoom()) {
    const quantum = Math.max(1, Math.floor(claim.left() / open.length));
    const still: string[] = [];
    for (const key of open) {
      if (!claim.hasRoom()) break;
      last = key;
      if (claim.take(key, quantum)) still.push(key);
    }
    open = still;
  }
  return { ...claim.result(), after: last, gaveUp: keys.gaveUp };
}

interface KeysInTurn {
  readonly open: string[];
  readonly gaveUp: boolean;
  readonly scanned: string;
}

/** The keys with claimable commands and room, beginning after the one that was served last. */
function keysInTurn(db: SqlConnection, request: ClaimRequest): KeysInTurn {
  const closed = new Set(request.room.filter(([, room]) => room <= 0).map(([key]) => key));
  const open: string[] = [];
  let wrapped = false;
  let scanned = request.after;
  let found = db.get<{ key: string }>(NEXT_KEY, request.taskType, request.after);
  for (let step = 0; step < KEY_STEPS_MAX && open.length < KEYS_PER_CLAIM; step++) {
    if (found === undefined) {
      if (wrapped) return { open, gaveUp: false, scanned };
      wrapped = true;
      found = db.get<{ key: string }>(FIRST_KEY, request.taskType, '');
      continue;
    }
    if (wrapped && found.key > request.after) return { open, gaveUp: false, scanned };
    scanned = found.key;
    if (!closed.has(found.key)) open.push(found.key);
    found = db.get<{ key: string }>(NEXT_KEY, request.taskType, found.key);
  }
  return { open, gaveUp: open.length === 0, scanned };
}

/** The state of one claim under way. */
class Claim {
  readonly #db: SqlConnection;
  readonly #request: ClaimRequest;
  readonly #by: Claimer;
  readonly #room: Map<string, number>;
  readonly #commands: LeasedCommand[] = [];
  readonly #expired: Expired[] = [];
  #characters = 0;
  #suspects: boolean;

  constructor(db: SqlConnection, request: ClaimRequest, by: Claimer) {
    this.#db = db;
    this.#request = request;
    this.#by = by;
    this.#room = new Map(request.room);
    this.#suspects = request.suspects;
  }

  left(): number {
    return this.#request.limit - this.#commands.length;
  }

  hasRoom(): boolean {
    return this.left() > 0 && this.#characters < CLAIM_CHARACTERS_MAX;
  }

  /** @returns whether the key may have more */
  take(key: string, quantum: number): boolean {
    const room = this.#room.get(key) ?? this.#request.perKey;
    const wanted = Math.min(quantum, room, this.left());
    if (wanted <= 0) return false;
    // Suspects that may not be had now must not stand in the way of those behind them.
    const crashesMax = this.#suspects ? CRASHES_MAX : SUSPECT_CRASHES;
    const rows = this.#db.all<CommandRow>(CANDIDATES, this.#request.taskType, key, crashesMax, wanted);
    let taken = 0;
    for (const row of rows) {
      if (!this.hasRoom()) break;
      if (row.expires_at !== null && row.expires_at <= this.#by.now)
        this.#expired.push(expireCommand(this.#db, row, this.#by));
      else if (row.crashes < SUSPECT_CRASHES || this.#suspects) {
        this.#lease(row);
        taken++;
      }
    }
    this.#room.set(key, room - taken);
    return rows.length === wanted && room - taken > 0;
  }

  result(): Pick<Claimed, 'commands' | 'expired'> {
    return { commands: this.#commands, expired: this.#expired };
  }

  #lease(row: CommandRow): void {
    const { now, worker, depth } = this.#by;
    this.#db.run(LEASE, worker, now, now, row.id);
    depth.add(row.task_type, -1, 0);
    if (row.crashes >= SUSPECT_CRASHES) this.#suspects = false;
    const wide = this.#db.get<PayloadRow>(PAYLOAD, row.id);
    this.#characters += (wide?.payload?.length ?? 0) + (wide?.metadata?.length ?? 0);
    this.#commands.push(leased(row, wide));
  }
}

function leased(row: CommandRow, wide: PayloadRow | undefined): LeasedCommand {
  return {
    id: row.id,
    taskId: row.task_id,
    taskType: row.task_type,
    concurrencyKey: row.concurrency_key,
    priority: row.priority,
    timeoutMs: row.timeout_ms,
    run: row.run,
    attempt: row.attempts + 1,
    failures: row.failures,
    crashes: row.crashes,
    lease: row.lease + 1,
    correlationId: row.correlation_id,
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    dueAt: row.due_at,
    expiresAt: row.expires_at,
    payload: wide?.payload ?? null,
    metadata: wide?.metadata ?? null,
    callbackUrl: wide?.callback_url ?? null,
    trace: wide?.trace ?? null,
  };
}
