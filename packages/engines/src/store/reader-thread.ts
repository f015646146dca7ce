import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, type StoreReply } from './commit-group.ts';
import type { SqlValue } from './port.ts';
import { openReader } from './sqlite-connection.ts';

/** To the reader: a query with its number, or the word to close. */
export type ReaderRequest =
  | { readonly id: number; readonly sql: string; readonly values: readonly SqlValue[] }
  | { readonly close: true };

const { file } = workerData as { readonly file: string };
const port = parentPort;
if (port === null) throw new Error('The reader runs in a worker thread only.');

const connection = openReader(file);

port.on('message', (request: ReaderRequest) => {
  if ('close' in request) {
    connection.close();
    port.close();
    return;
  }
  port.postMessage({ id: request.id, reply: answer(request.sql, request.values) });
});

function answer(sql: string, values: readonly SqlValue[]): StoreReply {
  try {
    return { ok: true, value: connection.all(sql, ...values) };
  } catch (error) {
    return { ok: false, fault: faultOf(error) };
  }
}
