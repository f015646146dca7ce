import type { Clock, Timer } from '@millrace/kit';

/** Tokens are gathered for this long before they are shown, in ms: smooth to read, few events. */
export const PROGRESS_INTERVAL_MS = 50;
/** Text gathered beyond this is shown at once, in characters. */
export const PROGRESS_CHARS_MAX = 256;

export interface DeltaSink {
  readonly push: (text: string) => void;
  /** Shows what is left; nothing is shown afterwards. */
  readonly close: () => void;
}

/** Gathers pieces of text and emits them at most every `PROGRESS_INTERVAL_MS`, or sooner when there is much. */
export function createDeltaSink(clock: Clock, emit: (text: string) => void): DeltaSink {
  let pending = '';
  let timer: Timer | undefined;
  let closed = false;
  const flush = () => {
    timer?.cancel();
    timer = undefined;
    if (pending === '') return;
    const text = pending;
    pending = '';
    emit(text);
  };
  return {
    push(text) {
      if (closed) return;
      pending += text;
      if (pending.length >= PROGRESS_CHARS_MAX) flush();
      else timer ??= clock.schedule(PROGRESS_INTERVAL_MS, flush);
    },
    close() {
      flush();
      closed = true;
    },
  };
}
