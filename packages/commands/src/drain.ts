import { type Clock, foregroundClock, sleep, VirtualClock } from '@millrace/kit';
import type { CommitTrain } from './commit-train.ts';
import type { Executor } from './executor.ts';
import type { Lanes } from './lanes.ts';

/** Delayed commands due later than this are not waited for, in ms of the machine's time. */
export const DRAIN_WITHIN_MS_DEFAULT = 60_000;

/** The same in the time of a virtual clock, which `drain` itself moves: 30 days. */
export const DRAIN_VIRTUAL_WITHIN_MS_DEFAULT = 30 * 24 * 3_600_000;

/** Turns of the event loop that promises have to come to rest before the clock is moved. */
const TURNS = 4;
/** How often something busy is looked at again, in ms of the machine's time. */
const LOOK_AGAIN_MS = 5;
const LOOK_AGAIN_VIRTUAL_MS = 1;

export interface DrainOptions {
  readonly signal?: AbortSignal | undefined;
  /** Commands that are due later than this are left alone, in ms. Default 60,000; of a virtual clock 30 days. */
  readonly withinMs?: number | undefined;
}

export interface DrainParts {
  readonly clock: Clock;
  readonly lanes: Lanes;
  readonly train: CommitTrain;
  readonly executor: Executor;
  readonly holdsLeases: () => boolean;
}

/**
 * Waits until nothing is running, due, or due within `withinMs`: retries and delayed commands count, those of paused types
 * and of types that nothing here runs do not.
 *
 * With a virtual clock it moves time itself, from one due instant to the next, and only while no handler runs: whatever
 * waits for ten minutes has ended a moment later. There `withinMs` counts from the call, so that work which renews
 * itself for ever comes to an end too.
 *
 * @throws the signal's reason when it aborts first
 */
export async function drain(parts: DrainParts, { signal, withinMs }: DrainOptions): Promise<void> {
  const { clock, train } = parts;
  const isVirtual = clock instanceof VirtualClock;
  const within = withinMs ?? (isVirtual ? DRAIN_VIRTUAL_WITHIN_MS_DEFAULT : DRAIN_WITHIN_MS_DEFAULT);
  const begun = clock.now();
  for (;;) {
    signal?.throwIfAborted();
    await comeToRest();
    const state = stateOf(parts);
    const next = train.nextWakeAt;
    const isFar = next > (isVirtual ? begun : clock.now()) + within;
    if (state === 'idle' && isFar) return;
    if (isVirtual && state === 'fenced') clock.advance(clock.nextTimerMs() ?? 0);
    else if (isVirtual && state !== 'busy' && !isFar) clock.advance(Math.max(0, next - clock.now()));
    else if (state === 'parked' && Number.isFinite(next) && isFar) return;
    else await sleep(foregroundClock, isVirtual ? LOOK_AGAIN_VIRTUAL_MS : LOOK_AGAIN_MS, signal);
  }
}

/** `parked`: handlers wait for children, nothing else goes on; `fenced`: nothing goes on before a timer of ours, for a lease or a new try at the store. */
type State = 'busy' | 'parked' | 'fenced' | 'idle';

function stateOf({ clock, lanes, train, executor, holdsLeases }: DrainParts): State {
  if (train.isHeld) return 'fenced';
  // What is due is left alone until our leases hold again.
  if (train.nextDueAt <= clock.now() && !holdsLeases()) return 'fenced';
  const all = [...lanes.all()];
  if (!train.isQuiet || all.some((lane) => lane.leased > 0 || lane.running > 0)) return 'busy';
  if (all.some((lane) => lane.depth > 0 && !lane.paused && !lane.blocked)) {
    if (!holdsLeases()) return 'fenced';
    // A limit in time holds it up when the train has set itself an alarm; otherwise its claim is about to go.
    if (train.nextWakeAt === Number.POSITIVE_INFINITY) return 'busy';
  }
  return executor.active > 0 ? 'parked' : 'idle';
}

/** Lets what has been settled have its consequences. */
async function comeToRest(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that ends within `ms` of the clock's time; a virtual clock is moved so that it does. */
export async function passing(clock: Clock, ms: number, waiting: Promise<void>): Promise<void> {
  if (!(clock instanceof VirtualClock)) return waiting;
  await comeToRest();
  clock.advance(ms);
  await waiting;
}
