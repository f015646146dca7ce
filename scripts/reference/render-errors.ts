import type { ErrorTable } from '@millrace/kit';
import { generatedHeader, markdownTable } from './markdown.ts';

const INTRODUCTION = `Every error at an edge is \`{ "error": { "code", "message", "details", "retryable" } }\`. \`retryable\` says whether the
same request may succeed later; where the answer carries \`Retry-After\`, not before then. A status of 0 never crosses HTTP.
Words in braces stand for the detail of that name.`;

export interface PackageErrors {
  readonly name: string;
  readonly errors: ErrorTable;
}

/** `docs/reference/errors.md` */
export function renderErrors(packages: readonly PackageErrors[]): string {
  const sections = packages.map(({ name, errors }) => {
    const rows = Object.entries(errors)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([code, { status, retryable, message }]) => [
        `\`${code}\``,
        String(status),
        retryable ? 'yes' : 'no',
        message,
      ]);
    return `## ${name}\n\n${markdownTable(['Code', 'Status', 'Retryable', 'Message'], rows)}`;
  });
  return `${[generatedHeader('Errors'), INTRODUCTION, ...sections].join('\n\n')}\n`;
}
