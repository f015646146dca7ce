import { type Clock, Recoverable, type Timer } from '@millrace/kit';

export interface SilenceWatch {
  /** Aborts with a `Recoverable` when nothing was heard for too long. */
  readonly signal: AbortSignal;
  /** Something was heard. */
  readonly touch: () => void;
  readonly stop: () => void;
}

/** Watches for silence of more than `limitMs`. One timer at a time, however often it is touched. */
export function createSilenceWatch(clock: Clock, limitMs: number): SilenceWatch {
  const controller = new AbortController();
  let heardAt = clock.monotonic();
  let timer: Timer | undefined;
  const look = () => {
    const leftMs = heardAt + limitMs - clock.monotonic();
    if (leftMs > 0) timer = clock.schedule(leftMs, look);
    else controller.abort(silent(limitMs));
  };
  timer = clock.schedule(limitMs, look);
  return {
    signal: controller.signal,
    touch: () => {
      heardAt = clock.monotonic();
    },
    stop: () => timer?.cancel(),
  };
}

function silent(limitMs: number): Recoverable {
  return new Recoverable(`The provider sent nothing for ${limitMs} ms; the call was broken off.`, {
    code: 'EXTERNAL_SERVICE_ERROR',
    details: { idleTimeoutMs: limitMs },
  });
}
