import { createHmac } from 'node:crypto';

/** In front of secrets whose bytes are given in base64 (Standard Webhooks specification). */
const SECRET_PREFIX = 'whsec_';

export interface SignedParts {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The signature of a delivery, by the Standard Webhooks specification: `v1,` and the base64 of HMAC-SHA256 over
 * `id.timestamp.body`.
 *
 * @param secret `whsec_` and base64, or any other text, whose UTF-8 bytes are the key
 */
export function signWebhook({ id, timestamp, body }: SignedParts, secret: string): string {
  const key = secret.startsWith(SECRET_PREFIX) ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64') : secret;
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
