import { MillraceApiError } from '@millrace/client';
import { type CliContext, EXIT, type ExitCode, print, printJson } from './context.ts';
import { reportError } from './report-error.ts';

interface Call<TAnswer> {
  readonly names: readonly string[];
  readonly call: (name: string) => Promise<TAnswer>;
  readonly describe: (answer: TAnswer) => string;
  readonly json: boolean;
}

/** Does one thing to each name in turn; one that fails does not keep the others from it, but the run fails. */
export async function forEachName<TAnswer>(context: CliContext, work: Call<TAnswer>): Promise<ExitCode> {
  const answers: unknown[] = [];
  let code: ExitCode = EXIT.ok;
  for (const name of work.names) {
    try {
      const answer = await work.call(name);
      answers.push(answer);
      if (!work.json) print(context, work.describe(answer));
    } catch (error) {
      if (!(error instanceof MillraceApiError) || error.status === 0) throw error;
      code = EXIT.error;
      if (work.json)
        answers.push({ name, error: { code: error.code, message: error.message, retryable: error.retryable } });
      else reportError(error, { stderr: context.stderr, json: false });
    }
  }
  if (work.json) printJson(context, { items: answers });
  return code;
}
