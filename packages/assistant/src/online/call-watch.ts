import { type Clock, Recoverable, type Timer } from '@millrace/kit';

export interface CallLimits {
  /** Longest silence in ms. */
  readonly idleTimeoutMs: number;
  /** Longest duration of the whole call in ms; 0 for none. */
  readonly requestTimeoutMs: number;
}

export interface CallWatch {
  /** Aborts with a `Recoverable` when a limit has passed. */
  readonly signal: AbortSignal;
  /** Something was heard. */
  readonly touch: () => void;
  readonly stop: () => void;
}

/** Watches one call for silence and for its duration. One timer at a time, however often it is touched. */
export function createCallWatch(clock: Clock, limits: CallLimits): CallWatch {
  const controller = new AbortController();
  const totalMs = limits.requestTimeoutMs === 0 ? Number.POSITIVE_INFINITY : limits.requestTimeoutMs;
  const endsAt = clock.monotonic() + totalMs;
  let heardAt = clock.monotonic();
  let timer: Timer | undefined;
  const look = () => {
    const now = clock.monotonic();
    const idleLeftMs = heardAt + limits.idleTimeoutMs - now;
    if (endsAt <= now) controller.abort(brokenOff(`The call of the model took longer than ${totalMs} ms`, limits));
    else if (idleLeftMs > 0) timer = clock.schedule(Math.min(idleLeftMs, endsAt - now), look);
    else controller.abort(brokenOff(`The provider sent nothing for ${limits.idleTimeoutMs} ms`, limits));
  };
  look();
  return {
    signal: controller.signal,
    touch: () => {
      heardAt = clock.monotonic();
    },
    stop: () => timer?.cancel(),
  };
}

function brokenOff(what: string, limits: CallLimits): Recoverable {
  // Named one by one: what is passed as limits may hold more, an API key for one.
  const { idleTimeoutMs, requestTimeoutMs } = limits;
  const details = { idleTimeoutMs, requestTimeoutMs };
  return new Recoverable(`${what}; it was broken off.`, { code: 'EXTERNAL_SERVICE_ERROR', details });
}
