import { type LaneLimits, SlidingWindow } from '@millrace/kit';
import { Pace } from './pace.ts';
import { ParkedSlot } from './parked-slot.ts';
import { type Claimed, type ClaimRequest, KEY_STEPS_MAX } from './sql/claim-commands.ts';
import type { TaskType } from './task-type.ts';

/** Keys of one type that are remembered with their own limits; past it new keys wait until others fall idle. */
export const KEYS_TRACKED_MAX = 10_000;

/** Commands leased beyond the running ones, as a multiple of `localConcurrency`: one batch ahead hides a commit. */
const PREFETCH_FACTOR = 2;

/** What limits one `concurrencyKey`: its own slots, its own rate, a pause that its provider asked for. */
interface KeyState {
  leased: number;
  window: SlidingWindow | undefined;
  pausedUntil: number;
}

/** A handler that has waited and wants its slot back. */
interface Returning {
  readonly key: string;
  readonly resolve: () => void;
}

/**
 * The limits of one task type in this process: who may be leased, and how many are due. Slots are taken when a claim
 * departs and freed in the departure that carries the end, so that leases in the store never exceed them.
 */
export class Lane {
  paused = false;
  /** Due and not started. */
  depth = 0;
  /** Due and on their way to the store without a slot: new ones must not overtake them. */
  queuing = 0;
  /** Waiting for their time. */
  scheduled = 0;
  /** Leased by this process, running or prefetched. */
  leased = 0;
  readonly pace = new Pace();
  /** Handlers at work. */
  running = 0;
  /** Where the next claim goes on among the keys. */
  after = '';
  /** True after a claim that found nothing to take; reset by whatever may change that. */
  blocked = false;
  /** Claims one after the other that gave up among keys without room. */
  #looks = 0;
  /** True after such a claim that was not allowed to take a suspect: it is the type's turn to take one. */
  asksForSuspect = false;
  #type: TaskType;
  #window: SlidingWindow | undefined;
  readonly #keys = new Map<string, KeyState>();
  #leaseMax: number;
  /** Handlers that have waited for their children and want a slot again. */
  readonly #returning: Returning[] = [];

  constructor(type: TaskType) {
    this.#type = type;
    this.#window = windowOf(type);
    this.#leaseMax = leaseMaxOf(type);
  }

  get type(): TaskType {
    return this.#type;
  }

  /** Takes over another definition of the same name; what runs under the old one goes on and is counted. */
  redefine(type: TaskType): void {
    const reserved = this.#window?.reserved ?? 0;
    this.#type = type;
    this.#window = reserved > 0 && type.definition.rate !== undefined ? this.#window : windowOf(type);
    this.#leaseMax = leaseMaxOf(type);
  }

  /** Whether starts are counted, so that they must be kept across a restart. */
  get isRateLimited(): boolean {
    return this.#window !== undefined || this.type.perKey?.rate !== undefined;
  }

  /** Takes a slot for a new command, if one is free now and nothing waits before it. */
  tryTake(key: string, now: number, monotonic: number): boolean {
    if (this.paused || this.depth + this.queuing > 0 || this.leased >= this.#leaseMax) return false;
    if (this.#window !== undefined && this.#window.available(monotonic) < 1) return false;
    if (this.#roomOf(key, now, monotonic) < 1) return false;
    this.take(key, monotonic);
    return true;
  }

  /** Takes a slot that the claim was granted. */
  take(key: string, monotonic: number): void {
    this.leased += 1;
    this.#window?.reserve(monotonic);
    if (this.type.perKey === undefined) return;
    const state = this.#stateOf(key);
    if (state === undefined) return;
    state.leased += 1;
    state.window?.reserve(monotonic);
  }

  /** The handler begins. */
  started(key: string, monotonic: number): void {
    this.#window?.started(monotonic);
    this.#keys.get(key)?.window?.started(monotonic);
  }

  /** The lease is over. @param unstarted true when the handler never began */
  free(key: string, unstarted: boolean): void {
    this.leased -= 1;
    if (unstarted) this.#window?.giveBack();
    const state = this.type.perKey === undefined ? undefined : this.#keys.get(key);
    if (state !== undefined) {
      state.leased -= 1;
      if (unstarted) state.window?.giveBack();
    }
    if (this.#returning.length > 0) this.#admitReturning();
  }

  /** Handlers that may begin now; those that come back from a wait go before. */
  get roomToBegin(): number {
    const returning =
      this.#returning.length === 0 ? 0 : this.#returning.filter(({ key }) => this.#keyHasSlot(key)).length;
    return this.type.localConcurrency - this.running - returning;
  }

  /** A handler waits for its children: its slot goes to others, its lease stays. */
  park(key: string): ParkedSlot {
    this.running -= 1;
    this.free(key, false);
    this.blocked = false;
    return new ParkedSlot({
      retake: () => this.#retake(key),
      queue: (resolve) => {
        const entry = { key, resolve };
        this.#returning.push(entry);
        this.#admitReturning();
        return () => this.#withdraw(entry);
      },
    });
  }

  /** Those whose key has a slot, as long as this process may run one more: they have a lease and need no other. */
  #admitReturning(): void {
    for (let index = 0; index < this.#returning.length && this.running < this.type.localConcurrency; ) {
      const { key, resolve } = this.#returning[index] as Returning;
      if (!this.#keyHasSlot(key)) {
        index += 1;
        continue;
      }
      this.#returning.splice(index, 1);
      this.#retake(key);
      resolve();
    }
  }

  #keyHasSlot(key: string): boolean {
    const state = this.type.perKey === undefined ? undefined : this.#keys.get(key);
    return state === undefined || state.leased < this.#slotsPerKey();
  }

  #retake(key: string): void {
    this.running += 1;
    this.unfree(key);
  }

  #withdraw(entry: Returning): void {
    const index = this.#returning.indexOf(entry);
    if (index >= 0) this.#returning.splice(index, 1);
  }

  /** Takes a slot back that was freed in a departure which failed. */
  unfree(key: string): void {
    this.leased += 1;
    const state = this.type.perKey === undefined ? undefined : this.#stateOf(key);
    if (state !== undefined) state.leased += 1;
  }

  pauseKey(key: string, until: number): void {
    const state = this.#stateOf(key, true);
    if (state !== undefined) state.pausedUntil = Math.max(state.pausedUntil, until);
  }

  /** Starts of an earlier process of this store, as wall-clock ms. */
  restoreStarts(
    starts: readonly { readonly key: string; readonly at: number }[],
    now: number,
    monotonic: number,
  ): void {
    const toMonotonic = (at: number) => monotonic - Math.max(0, now - at);
    this.#window?.restore(starts.map(({ at }) => toMonotonic(at)));
    if (this.type.perKey?.rate === undefined) return;
    for (const [key, ofKey] of Map.groupBy(starts, (start) => start.key)) {
      this.#stateOf(key)?.window?.restore(ofKey.map(({ at }) => toMonotonic(at)));
    }
  }

  /** What may be claimed now; `undefined` when nothing. */
  claimRequest(now: number, monotonic: number): ClaimRequest | undefined {
    if (this.paused || this.depth === 0) return undefined;
    const free = Math.min(this.#leaseMax - this.leased, this.#window?.available(monotonic) ?? Number.POSITIVE_INFINITY);
    if (free <= 0) return undefined;
    const perKey = this.#keys.size >= KEYS_TRACKED_MAX ? 0 : this.#fullRoom();
    const room: [string, number][] = [];
    for (const [key, state] of this.#keys) {
      if (this.#isIdle(state, now, monotonic)) {
        this.#keys.delete(key);
        continue;
      }
      const left = this.#roomLeft(state, now, monotonic);
      if (left < perKey) room.push([key, left]);
    }
    return {
      taskType: this.type.name,
      limit: Math.min(free, this.depth),
      perKey,
      room,
      after: this.after,
      suspects: false,
    };
  }

  /** What a claim came to decides whether another is worth while before something changes. */
  noteClaim(request: ClaimRequest, claimed: Claimed, hasSuspect: boolean): void {
    const isEmpty = claimed.commands.length === 0;
    this.after = claimed.after;
    this.asksForSuspect = isEmpty && !request.suspects && !hasSuspect;
    this.#looks = claimed.gaveUp ? this.#looks + 1 : 0;
    const looksOn = claimed.gaveUp && this.#looks <= Math.ceil(request.room.length / KEY_STEPS_MAX) + 1;
    this.blocked = isEmpty && !this.asksForSuspect && !looksOn;
  }

  /** In how many ms waiting for a rate or a pause alone could be over; `undefined` when neither holds anything up. */
  msUntilRoom(now: number, monotonic: number): number | undefined {
    if (this.paused || this.depth === 0) return undefined;
    const waits = [this.#window?.msUntilNext(monotonic) ?? 0];
    for (const { window, pausedUntil } of this.#keys.values()) {
      waits.push(Math.max(window?.msUntilNext(monotonic) ?? 0, pausedUntil - now));
    }
    const next = Math.min(...waits.filter((wait) => wait > 0));
    return Number.isFinite(next) ? next : undefined;
  }

  #fullRoom(): number {
    return Math.min(this.#slotsPerKey(), this.type.perKey?.rate?.limit ?? this.#leaseMax);
  }

  #slotsPerKey(): number {
    const { perKey } = this.type;
    return Math.min(perKey?.concurrency ?? this.#leaseMax, perKey?.localConcurrency ?? this.#leaseMax);
  }

  #roomOf(key: string, now: number, monotonic: number): number {
    const state = this.#keys.get(key);
    if (state !== undefined) return this.#roomLeft(state, now, monotonic);
    return this.#keys.size >= KEYS_TRACKED_MAX ? 0 : this.#fullRoom();
  }

  #roomLeft(state: KeyState, now: number, monotonic: number): number {
    if (state.pausedUntil > now) return 0;
    return Math.min(this.#slotsPerKey() - state.leased, state.window?.available(monotonic) ?? Number.POSITIVE_INFINITY);
  }

  /** The state of a key; none is kept where keys have no limits of their own. */
  #stateOf(key: string, evenWithoutLimits = false): KeyState | undefined {
    const known: LaneLimits | undefined = this.type.perKey;
    let state = this.#keys.get(key);
    if (state === undefined && (known !== undefined || evenWithoutLimits)) {
      const window = known?.rate === undefined ? undefined : new SlidingWindow(known.rate);
      state = { leased: 0, window, pausedUntil: 0 };
      this.#keys.set(key, state);
    }
    return state;
  }

  #isIdle(state: KeyState, now: number, monotonic: number): boolean {
    if (state.leased > 0 || state.pausedUntil > now) return false;
    return state.window === undefined || state.window.available(monotonic) === this.type.perKey?.rate?.limit;
  }
}

function windowOf({ definition: { rate } }: TaskType): SlidingWindow | undefined {
  return rate === undefined ? undefined : new SlidingWindow(rate);
}

function leaseMaxOf({ concurrency, localConcurrency }: TaskType): number {
  return Math.min(concurrency, localConcurrency * PREFETCH_FACTOR);
}
