import { defineCommand } from 'millrace';
import Type from 'typebox';

/** What sends mails; tests give another one. */
export type SendMail = (to: string, text: string) => Promise<void>;

export function createReminder(sendMail: SendMail) {
  return defineCommand({
    type: 'reminder.send',
    payload: Type.Object({ to: Type.String(), text: Type.String() }),
    retries: { maxAttempts: 4, initialDelayMs: 600_000, maxDelayMs: 3_600_000 },
    async handler({ payload }, { attempt }) {
      await sendMail(payload.to, payload.text);
      return { attempt };
    },
  });
}
