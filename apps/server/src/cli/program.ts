import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type CliContext, type CliModule, EXIT, type ExitCode } from './context.ts';
import { reportError } from './report-error.ts';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<CliModule>;
}

/** Every command; a module is loaded only when its command runs. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  start: { summary: 'Start the server', load: () => import('./start.ts') },
  submit: { summary: 'Submit a command, or a file of them', load: () => import('./submit.ts') },
  show: { summary: 'Show a command with its history and result', load: () => import('./show.ts') },
  list: { summary: 'List commands, newest first', load: () => import('./list.ts') },
  watch: { summary: 'Follow the events of a command, or of all', load: () => import('./watch.ts') },
  cancel: { summary: 'Cancel commands', load: () => import('./cancel.ts') },
  retry: { summary: 'Run commands again that ended without success', load: () => import('./retry.ts') },
  redrive: { summary: 'Run dead-lettered commands again', load: () => import('./redrive.ts') },
  pause: { summary: 'Stop starting commands of a type', load: () => import('./pause.ts') },
  resume: { summary: 'Start commands of a paused type again', load: () => import('./resume.ts') },
  drain: { summary: 'Wait until nothing is due or running', load: () => import('./drain.ts') },
  demo: {
    summary: 'Run 20,000 commands on a temporary server and show what became of them',
    load: () => import('./demo.ts'),
  },
  config: { summary: 'Show the settings in effect and where they come from', load: () => import('./config.ts') },
};

const HELP = `
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the command waited for did not succeed.`;

/** Runs one command line. Never throws: every failure becomes a message on standard error and an exit code. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const finish = (result: ExitCode): void => {
    code = result;
  };
  const wantsJson = argv.includes('--json');
  try {
    const program = createProgram(context);
    for (const [name, entry] of Object.entries(COMMANDS)) {
      const command = program.command(name).description(entry.summary);
      if (argv[0] === name || (argv[0] === 'help' && argv[1] === name)) {
        (await entry.load()).define(command, context, finish);
      }
    }
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(error, { stderr: context.stderr, json: wantsJson });
  }
}

function createProgram(context: CliContext): Command {
  return new Command('millrace')
    .description('Commands in, results out, nothing lost.')
    .version(packageJson.version, '-v, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    });
}
