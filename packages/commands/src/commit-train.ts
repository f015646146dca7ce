import { AppError, isTerminal, type Timer, toAppError } from '@millrace/kit';
import { type LeasedCommand, leasedOnArrival, type NewCommand } from './command.ts';
import { ExpiryAlarm } from './expiry-alarm.ts';
import type { Lane } from './lane.ts';
import type { ClaimRequest } from './sql/claim-commands.ts';
import { type Arrived, type Departure, departTrain } from './sql/depart-train.ts';
import type { Expired } from './sql/expire-commands.ts';
import type { Arrival, Duplicate } from './sql/insert-commands.ts';
import {
  type ArrivalExceptions,
  type EndEntry,
  type Group,
  isDue,
  type Load,
  type Seat,
  WAKE_MS_MAX,
} from './train-load.ts';
import type { CommitTrainOptions } from './train-options.ts';
import { isUnstorableEnd, unstorableEnd } from './unstorable-end.ts';

/** Items that must wait before a second departure leaves while the first is under way: fewer are no use to the writer. */
const SECOND_DEPARTURE_ITEMS_MIN = 250;

/** Departures under way at once: while the store writes one, the next is made ready for it. */
const UNDER_WAY_MAX = 2;

/** How long the train waits before it tries again after the store failed, in ms. */
const RETRY_MS = 500;

export type { EndEntry } from './train-load.ts';

/**
 * The commit train: what has ended, what has arrived and what may be claimed travel in one transaction. It departs at
 * once when the store is idle and gathers while a departure is under way, so that latency at low load is one commit
 * and batches grow by themselves at high load. Under load a second departure follows the first, so that the writer never
 * waits for us nor we for it (measured with no-op commands: 30 % more than one at a time). Slots are counted here and
 * nowhere else: they are freed and taken when a departure is formed; only one departure at a time carries claims.
 */
export class CommitTrain {
  readonly #options: CommitTrainOptions;
  readonly #expiry: ExpiryAlarm;
  #groups: Group[] = [];
  #ended: EndEntry[] = [];
  #waitingItems = 0;
  #underWay = 0;
  #claimsUnderWay = false;
  #turn = 0;
  #held = false;
  #kicked = false;
  #claiming = false;
  #stopping = false;
  #nextDueAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** How many ends still travel one by one, after a departure that could not be stored as it was. */
  #singly = 0;
  #quiet: (() => void)[] = [];

  constructor(options: CommitTrainOptions) {
    this.#options = options;
    this.#expiry = new ExpiryAlarm(options.clock, () => this.kick());
  }

  /** Commands that have been submitted and not yet departed. */
  get waitingItems(): number {
    return this.#waitingItems;
  }

  /** True when nothing waits to travel and nothing is under way. */
  get isQuiet(): boolean {
    return !this.#kicked && this.#isIdle();
  }

  /** True while it waits before it tries the store again. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** When it looks for due commands again by itself: ms since the epoch, infinite when nothing waits for its time. */
  get nextWakeAt(): number {
    return this.#timerAt;
  }

  /** When the first waiting command is due, as far as is known: ms since the epoch, infinite when none waits. */
  get nextDueAt(): number {
    return this.#nextDueAt;
  }

  /** Begins to claim. The first waiting command is due, and the first one expires, at these ms since the epoch. */
  startClaiming(nextDueAt: number | null, nextExpiryAt: number | null = null): void {
    this.#claiming = this.#options.work;
    this.expectDue(nextDueAt ?? Number.POSITIVE_INFINITY);
    this.#expiry.expect(nextExpiryAt);
    this.kick();
  }

  /** From now on nothing new is leased; ends and submissions still travel. */
  stopClaiming(): void {
    this.#claiming = false;
    this.#stopping = true;
  }

  /** Resolves when all of them are durable or refused; never rejects. */
  submit(commands: readonly NewCommand[]): Promise<ArrivalExceptions> {
    if (commands.length === 0) return Promise.resolve(new Map());
    return new Promise((resolve) => {
      this.#groups.push({ commands, exceptions: new Map(), resolve, departed: 0, settled: 0 });
      this.#waitingItems += commands.length;
      this.kick();
    });
  }

  end(entry: EndEntry): void {
    this.#ended.push(entry);
    this.kick();
  }

  /** A waiting command is due at this instant (ms since the epoch). */
  expectDue(dueAt: number): void {
    if (dueAt >= this.#nextDueAt) return;
    this.#nextDueAt = dueAt;
    this.#wakeAt(dueAt);
  }

  /** Departs soon if there is anything to carry. */
  kick(): void {
    if (this.#kicked || !this.#mayDepart()) return;
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      while (this.#mayDepart() && this.#depart());
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  quiet(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#quiet.push(resolve));
  }

  #isIdle(): boolean {
    const isEmpty = this.#groups.length === 0 && this.#ended.length === 0;
    return isEmpty && this.#underWay === 0 && !this.#options.drift.isNeeded;
  }

  /** As `quiet`, at the latest after so many ms: a store that keeps failing must not keep a process from its end. */
  async quietWithin(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.schedule(ms, resolve);
    await Promise.race([promise, this.quiet()]);
    timer.cancel();
  }

  #mayDepart(): boolean {
    if (this.#held || this.#underWay >= UNDER_WAY_MAX) return false;
    if (this.#underWay > 0 && this.#options.drift.isNeeded) return false;
    return this.#underWay === 0 || this.#waitingItems + this.#ended.length >= SECOND_DEPARTURE_ITEMS_MIN;
  }

  /** @returns whether there was anything to carry */
  #depart(): boolean {
    const { clock, store, worker, holdsLeases, drift } = this.#options;
    if (drift.isNeeded) return this.#checkDrift();
    const now = clock.now();
    const monotonic = clock.monotonic();
    const holds = holdsLeases();
    const leasing = holds && this.#claiming;
    const ended = this.#takeEnded();
    const passengers = this.#board(now, monotonic, leasing);
    const claims = leasing && !this.#claimsUnderWay ? this.#claims(now, monotonic) : [];
    // What falls due while we stop, or stood still for too long, is another process's business: it counts what is due.
    const mayPromote = holds && !this.#stopping;
    const promote = mayPromote && this.#nextDueAt <= now;
    const expire = mayPromote && this.#expiry.isDue(now);
    if (ended.length + passengers.arrivals.length + claims.length === 0 && !promote && !expire) {
      if (this.#underWay === 0) for (const resolve of this.#quiet.splice(0)) resolve();
      return false;
    }
    const departure: Departure = {
      now,
      worker: worker(),
      ended: ended.map((entry) => entry.ended),
      arrivals: passengers.arrivals,
      claims: claims.map(({ request }) => request),
      limitedTypes: [...this.#options.lanes.all()].filter((lane) => lane.isRateLimited).map((lane) => lane.type.name),
      promote,
      expire,
    };
    this.#singly = Math.max(0, this.#singly - 1);
    if (expire) this.#expiry.off();
    if (promote) this.#nextDueAt = Number.POSITIVE_INFINITY;
    if (claims.length > 0) this.#claimsUnderWay = true;
    this.#underWay += 1;
    const load: Load = { departure, ended, seats: passengers.seats, lanes: claims.map(({ lane }) => lane) };
    store.write(departTrain, departure).then(
      (arrived) => this.#arrive(load, arrived),
      (error: unknown) => this.#fail(load, error),
    );
    return true;
  }

  /** Departures wait until it is known what a failed one has done. */
  #checkDrift(): false {
    const { drift, logger } = this.#options;
    this.#held = true;
    drift.run(this.#ended.map(({ ended }) => [ended.id, ended.lease] as const)).then(
      ({ nextDueAt, nextExpiryAt }) => {
        this.#held = false;
        this.#nextDueAt = Number.POSITIVE_INFINITY;
        this.expectDue(nextDueAt ?? Number.POSITIVE_INFINITY);
        this.#expiry.expect(nextExpiryAt);
        this.kick();
      },
      (error: unknown) => {
        logger.error('The store could not be asked what it holds', { error });
        this.#pause();
      },
    );
    return false;
  }

  #takeEnded(): EndEntry[] {
    const itemsMax = this.#singly > 0 ? 1 : this.#options.itemsMax;
    const ended = this.#ended.length <= itemsMax ? this.#ended : this.#ended.slice(0, itemsMax);
    this.#ended = this.#ended.length <= itemsMax ? [] : this.#ended.slice(itemsMax);
    for (const { ended: attempt, command, lane } of ended) {
      lane?.free(command.concurrencyKey, attempt.outcome === 'returned');
      if (lane !== undefined) lane.blocked = false;
    }
    return ended;
  }

  /** Takes the next arrivals on board, each into a slot if one is free for it. */
  #board(now: number, monotonic: number, leasing: boolean): { arrivals: Arrival[]; seats: Seat[] } {
    const arrivals: Arrival[] = [];
    const seats: Seat[] = [];
    const { lanes } = this.#options;
    const itemsMax = this.#singly > 0 ? 0 : this.#options.itemsMax;
    for (const group of this.#groups) {
      while (group.departed < group.commands.length && arrivals.length < itemsMax) {
        const index = group.departed++;
        const command = group.commands[index] as NewCommand;
        const lane = isDue(command, now) ? lanes.get(command.taskType) : undefined;
        const claim = leasing && lane?.tryTake(command.concurrencyKey, now, monotonic) === true;
        if (!claim && lane !== undefined) lane.queuing += 1;
        arrivals.push({ command, claim });
        seats.push({ group, index, lane, hasSlot: claim });
      }
      if (arrivals.length >= itemsMax) break;
    }
    this.#groups = this.#groups.filter((group) => group.departed < group.commands.length);
    this.#waitingItems -= arrivals.length;
    return { arrivals, seats };
  }

  /** What each type may claim; together no more than one departure carries. */
  #claims(now: number, monotonic: number) {
    const { lanes, itemsMax } = this.#options;
    const claims: { lane: Lane; request: ClaimRequest }[] = [];
    let wait = Number.POSITIVE_INFINITY;
    for (const lane of lanes.all()) {
      if (lane.depth === 0) continue;
      const request = lane.blocked ? undefined : lane.claimRequest(now, monotonic);
      if (request !== undefined) claims.push({ lane, request });
      else wait = Math.min(wait, lane.msUntilRoom(now, monotonic) ?? Number.POSITIVE_INFINITY);
    }
    if (Number.isFinite(wait)) this.#wakeAt(now + wait);
    if (claims.length === 0) return claims;
    const share = Math.max(1, Math.floor(itemsMax / claims.length));
    // One suspect at a time in the whole process; the types take turns at claiming it.
    const asking = claims.findIndex(({ lane }) => lane.asksForSuspect);
    const turn = this.#options.hasSuspect() ? -1 : asking >= 0 ? asking : this.#turn++ % claims.length;
    return claims.map(({ lane, request }, index) => ({
      lane,
      request: { ...request, limit: Math.min(request.limit, share), suspects: index === turn },
    }));
  }

  #arrive(load: Load, arrived: Arrived): void {
    this.#underWay -= 1;
    if (load.lanes.length > 0) this.#claimsUnderWay = false;
    const { lanes, listener, observer, clock } = this.#options;
    lanes.apply(arrived.depth);
    if (arrived.nextDueAt !== undefined) {
      this.#nextDueAt = Number.POSITIVE_INFINITY;
      this.expectDue(arrived.nextDueAt ?? Number.POSITIVE_INFINITY);
    }
    this.#expiry.expect(arrived.expiry?.nextAt ?? null);
    const leased = this.#seat(load, arrived);
    const seated = leased.length;
    const monotonic = clock.monotonic();
    for (const [index, claimed] of arrived.claims.entries()) {
      const lane = load.lanes[index] as Lane;
      lane.noteClaim(load.departure.claims[index] as ClaimRequest, claimed, this.#options.hasSuspect());
      for (const command of claimed.commands) {
        lane.take(command.concurrencyKey, monotonic);
        leased.push(command);
      }
    }
    this.#tellExpired(arrived);
    const refused = arrived.refused.length === 0 ? undefined : new Set(arrived.refused);
    for (const [index, entry] of load.ended.entries()) {
      const counted = refused?.has(index) !== true;
      if (counted && entry.ended.dueAt > load.departure.now) this.expectDue(entry.ended.dueAt);
      if (counted && !isTerminal(entry.ended.status)) this.#expiry.expect(entry.command.expiresAt);
      listener.onEnded(entry, counted);
    }
    observer.departed(load.ended.length + load.seats.length + leased.length - seated);
    listener.onEvents(arrived, load.departure, load.ended);
    listener.onLeased(leased);
    this.kick();
  }

  #tellExpired({ expiry, claims }: Arrived): void {
    const expired: Expired[] = [...(expiry?.expired ?? []), ...claims.flatMap((claim) => claim.expired)];
    if (expired.length === 0) return;
    const byType = Map.groupBy(expired, ({ taskType }) => taskType);
    for (const [taskType, ofType] of byType) this.#options.listener.onExpired(ofType, taskType);
  }

  /** Tells the submitters, and returns the arrivals that were stored into a slot. */
  #seat(load: Load, arrived: Arrived): LeasedCommand[] {
    const leased: LeasedCommand[] = [];
    const duplicates = new Map(arrived.duplicates.map((duplicate) => [duplicate.index, duplicate]));
    for (const [index, seat] of load.seats.entries()) {
      const command = seat.group.commands[seat.index] as NewCommand;
      const duplicate = duplicates.get(index);
      if (!seat.hasSlot && seat.lane !== undefined) seat.lane.queuing -= 1;
      if (duplicate !== undefined) {
        if (seat.hasSlot) seat.lane?.free(command.concurrencyKey, true);
        this.#settle(seat, duplicate);
        continue;
      }
      if (seat.hasSlot) leased.push(leasedOnArrival(command));
      else {
        if (command.dueAt > load.departure.now) this.expectDue(command.dueAt);
        this.#expiry.expect(command.expiresAt);
      }
      this.#settle(seat, undefined);
    }
    return leased;
  }

  #settle({ group, index }: Seat, exception: Duplicate | AppError | undefined): void {
    if (exception !== undefined) group.exceptions.set(index, exception);
    group.settled += 1;
    if (group.settled === group.commands.length) group.resolve(group.exceptions);
  }

  /** Submitters are told, ends are tried again; whether anything was kept is for the drift check to find out. */
  #fail(load: Load, error: unknown): void {
    this.#underWay -= 1;
    if (load.lanes.length > 0) this.#claimsUnderWay = false;
    const { logger, drift } = this.#options;
    drift.noteFailure(error);
    const failure = toAppError(error);
    logger.error('A departure of the commit train failed', { error, metadata: { ended: load.ended.length } });
    for (const [index, seat] of load.seats.entries()) {
      if (seat.hasSlot) seat.lane?.free((load.departure.arrivals[index] as Arrival).command.concurrencyKey, true);
      else if (seat.lane !== undefined) seat.lane.queuing -= 1;
      this.#settle(seat, failure);
    }
    this.#ended = [...this.#again(load, error), ...this.#ended];
    if (load.departure.promote) this.expectDue(load.departure.now);
    if (load.departure.expire === true) this.#expiry.expect(load.departure.now);
    this.#pause();
  }

  #pause(): void {
    this.#held = true;
    this.#options.clock.schedule(RETRY_MS, () => {
      this.#held = false;
      this.kick();
    });
  }

  /** The ends to try again. Their slots are free already; no claim can come before them, so no limit is broken. */
  #again(load: Load, error: unknown): EndEntry[] {
    const ends = load.ended.map((entry) => ({ ...entry, lane: undefined, isResent: true }));
    if (error instanceof AppError) return ends;
    // The store works, so one of these cannot be stored: they go one by one until it is found.
    if (ends.length > 1 || load.seats.length > 0) this.#singly = ends.length;
    else return ends.flatMap((entry) => (isUnstorableEnd(entry) ? [] : [unstorableEnd(entry, error)]));
    return ends;
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return;
    const { clock, lanes } = this.#options;
    this.#timer?.cancel();
    this.#timerAt = at;
    // The wall clock may be set forward meanwhile: look again soon.
    this.#timer = clock.schedule(Math.min(Math.max(0, at - clock.now()), WAKE_MS_MAX), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      for (const lane of lanes.all()) lane.blocked = false;
      if (this.#nextDueAt > clock.now()) this.#wakeAt(this.#nextDueAt);
      this.kick();
    });
  }
}
