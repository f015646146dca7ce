import { fail } from './errors.ts';
import type { AuthOptions } from './options.ts';

/** Whether a host is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Whether anything is configured that a caller has to present. */
export function isAuthConfigured(auth: AuthOptions | undefined): boolean {
  return isSet(auth?.apiKey) || isSet(auth?.jwtSecret);
}

/**
 * Closed by default: a server that others can reach must ask for credentials.
 *
 * @throws UNSAFE_BINDING, saying what to set
 */
export function assertSafeBinding(binding: { readonly host: string; readonly auth?: AuthOptions | undefined }): void {
  if (isLoopback(binding.host) || isAuthConfigured(binding.auth)) return;
  throw fail('UNSAFE_BINDING', { details: { host: binding.host } });
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
