import type { Writable } from 'node:stream';
import { MillraceApiError } from '@millrace/client';
import { AppError, type ErrorBody, messageOf } from '@millrace/kit';
import { EXIT, type ExitCode } from './context.ts';

/** Codes of mistakes in what the user wrote. */
const USAGE_CODES: ReadonlySet<string> = new Set(['CLI_USAGE', 'CONFIG_INVALID', 'CLIENT_INVALID_OPTION']);

/** Tells what went wrong and what to do about it, on standard error; with `json` as one document. */
export function reportError(error: unknown, output: { readonly stderr: Writable; readonly json: boolean }): ExitCode {
  const body = bodyOf(error);
  const hint = hintFor(error);
  const text = output.json ? JSON.stringify({ error: body }) : `${body.message}${hint}${detailsOf(body)}`;
  output.stderr.write(`${text}\n`);
  return USAGE_CODES.has(body.code) ? EXIT.usage : EXIT.error;
}

function bodyOf(error: unknown): ErrorBody {
  if (error instanceof AppError) return error.toBody();
  if (error instanceof MillraceApiError) {
    const { code, message, details, retryable } = error;
    return { code, message, details, retryable };
  }
  // A mistake of ours: where it happened is all that helps.
  const isFault = error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError;
  const message = isFault ? (error.stack ?? messageOf(error)) : messageOf(error);
  return { code: 'CLI_ERROR', message, details: {}, retryable: false };
}

function hintFor(error: unknown): string {
  if (!(error instanceof MillraceApiError)) return '';
  if (error.code === 'CLIENT_UNREACHABLE') {
    return '\nIs Millrace running? Start it with: npx millrace start\n(--url or MILLRACE_URL says where it is.)';
  }
  if (error.status === 401) return '\nGive the key with --api-key or API_KEY, or a token with --token.';
  return '';
}

/** The server's field-level faults, a line each. */
function detailsOf(body: ErrorBody): string {
  const { issues } = body.details as { issues?: readonly { path?: string; message?: string }[] };
  if (!Array.isArray(issues)) return '';
  return issues.map((issue) => `\n  - ${issue.path ?? ''} ${issue.message ?? JSON.stringify(issue)}`).join('');
}
