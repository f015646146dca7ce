/** The service that Restate calls: one no-op handler, and one that tells how often each command was started. */
import * as restate from '@restatedev/restate-sdk';

const starts = new Map<number, number>();

const noop = restate.service({
  name: 'noop',
  handlers: {
    run: async (_context: restate.Context, { n }: { n: number }) => {
      starts.set(n, (starts.get(n) ?? 0) + 1);
      return { ok: true, n };
    },
    // What was told once is not told again: the caller adds it up.
    starts: async () => {
      const told = [...starts];
      starts.clear();
      return told;
    },
  },
});

await restate.serve({ services: [noop], port: Number(process.argv[2]) });
