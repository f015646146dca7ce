import type { HttpReply } from '@millrace/http';
import type { CommandAccepted, CommandOutcome } from '@millrace/kit';
import type { Processed, SubmitReceipt } from '../commands.ts';

/** Where a command can be looked at. */
export function locationOf(taskId: string): string {
  return `/commands/${taskId}`;
}

/** Aborts when the answer can reach nobody any more. */
export function goneSignal(reply: HttpReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

/** 202: it is durable and goes on. */
export function accepted(reply: HttpReply, receipt: SubmitReceipt): CommandAccepted {
  if (receipt.replay) reply.header('idempotent-replay', 'true');
  reply.code(202).header('location', locationOf(receipt.taskId));
  return {
    taskId: receipt.taskId,
    status: 'ACCEPTED',
    queuePosition: receipt.queuePosition,
    estimatedCompletion: receipt.estimatedCompletion.toISOString(),
  };
}

/** 200 with the outcome when it is there, else 202. */
export function answered(reply: HttpReply, { receipt, outcome }: Processed): CommandOutcome | CommandAccepted {
  if (outcome === undefined) return accepted(reply, receipt);
  if (receipt.replay) reply.header('idempotent-replay', 'true');
  return outcome;
}
