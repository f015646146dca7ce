import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { percentiles } from './statistics.ts';

const TICK_MS = 1;
/** Past this many unanswered requests the load is no longer what was asked for, and the run ends with an error. */
const UNANSWERED_MAX = 50_000;

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Sends number `n` without waiting for anything. */
  readonly send: (n: number) => void;
  readonly unanswered: () => number;
}

/**
 * Sends at a fixed rate whatever the answers do: a slow system does not slow its own load down. Arrivals come in
 * ticks of a millisecond; how late each was sent is measured, since a starved generator would flatter the system.
 */
export async function runOpenLoop(options: OpenLoopOptions): Promise<{ sent: number; sendLagMsP99: number }> {
  const { perSecond, seconds, send, unanswered } = options;
  const total = Math.floor(perSecond * seconds);
  const lags = new Float64Array(total);
  const began = performance.now();
  let sent = 0;
  while (sent < total) {
    const now = performance.now();
    const due = Math.min(total, Math.floor(((now - began) / 1000) * perSecond));
    for (; sent < due; sent++) {
      lags[sent] = performance.now() - began - (sent / perSecond) * 1000;
      send(sent);
    }
    if (unanswered() > UNANSWERED_MAX) throw new Error(`More than ${UNANSWERED_MAX} requests were unanswered.`);
    await delay(TICK_MS);
  }
  return { sent, sendLagMsP99: percentiles(lags).p99 };
}

const ANSWER = 'HTTP/1.1 ';
const ACCEPTED = 'HTTP/1.1 202';

/** Posts over a few pipelined sockets, at a fraction of the CPU that Node's own client takes from the server's cores. */
export async function pipelinedPoster(url: string, path: string, connections: number) {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const counts = { sent: 0, answered: 0, accepted: 0 };
  for (let index = 0; index < connections; index++) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    let tail = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const text = tail + chunk;
      let at = text.indexOf(ANSWER);
      let done = 0;
      while (at >= 0 && text.length >= at + ACCEPTED.length) {
        counts.answered++;
        if (text.startsWith(ACCEPTED, at)) counts.accepted++;
        done = at + ACCEPTED.length;
        at = text.indexOf(ANSWER, done);
      }
      // A status line cut in two is counted once its rest has come.
      tail = text.slice(at >= 0 ? at : Math.max(done, text.length - ANSWER.length + 1));
    });
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  return {
    counts,
    post: (body: string) => {
      const socket = sockets[counts.sent++ % sockets.length]!;
      const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n`;
      socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    },
    answered: async (): Promise<void> => {
      while (counts.answered < counts.sent && sockets.some(({ closed }) => !closed)) await delay(TICK_MS);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
