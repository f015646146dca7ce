import type { Writable } from 'node:stream';
import type { Clock } from '@millrace/kit';
import { Presets, SingleBar } from 'cli-progress';
import type { DemoProgress } from './run-demo.ts';

/** Shows how far the demo is. */
export interface ProgressDisplay extends Disposable {
  update(progress: DemoProgress): void;
}

/** Between two lines where nobody watches, in ms. */
const LINE_INTERVAL_MS = 2_000;
const BAR_FORMAT = '{bar} {value}/{total} · {rate}/s · urgent ones in {latency} ms';

/** A bar on a terminal; a line every two seconds elsewhere (a file, CI). */
export function showProgress(stream: Writable & { readonly isTTY?: boolean }, clock: Clock): ProgressDisplay {
  return stream.isTTY === true ? createBar(stream as NodeJS.WriteStream) : createLines(stream, clock);
}

function createBar(stream: NodeJS.WriteStream): ProgressDisplay {
  const bar = new SingleBar({ format: BAR_FORMAT, stream, hideCursor: true }, Presets.shades_classic);
  let isStarted = false;
  return {
    update(progress) {
      const shown = toWords(progress);
      if (!isStarted) bar.start(progress.total, 0, shown);
      isStarted = true;
      bar.setTotal(progress.total);
      bar.update(progress.done, shown);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

function createLines(stream: Writable, clock: Clock): ProgressDisplay {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    update(progress) {
      const isDone = progress.done >= progress.total;
      if (!isDone && clock.monotonic() - lastAt < LINE_INTERVAL_MS) return;
      lastAt = clock.monotonic();
      const { rate, latency } = toWords(progress);
      stream.write(`${progress.done}/${progress.total} · ${rate}/s · urgent ones in ${latency} ms\n`);
    },
    [Symbol.dispose]: () => {},
  };
}

function toWords({ ratePerSecond, urgentMs }: DemoProgress): { readonly rate: number; readonly latency: number } {
  return { rate: Math.round(ratePerSecond), latency: Math.round(urgentMs) };
}
