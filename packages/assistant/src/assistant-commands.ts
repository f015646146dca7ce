import { type Command, type CommandContext, type CommandDefinition, defineCommand, Unrecoverable } from '@millrace/kit';
import { type AssistantOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import {
  type AssistantPayload,
  CONTEXT_CHARS_MAX,
  executeAssistantPayload,
  INPUT_CHARS_MAX,
  scheduleHabitsPayload,
} from './payloads.ts';
import type { AssistantResult } from './results.ts';

/**
 * The built-in command types: EXECUTE_ASSISTANT and, until the scheduling room registers its own, SCHEDULE_HABITS.
 *
 * Nothing heavy is loaded here: the AI SDK, compromise and chrono-node come with the first command that needs them.
 *
 * @throws ASSISTANT_OPTIONS_INVALID when half a provider is configured, or nonsense.
 */
export function createAssistantCommands(options: AssistantOptions = {}): CommandDefinition[] {
  return [executeAssistant(resolveOptions(options)), scheduleHabits()] as CommandDefinition[];
}

function executeAssistant(options: ResolvedOptions) {
  const answer = createAnswer(options);
  return defineCommand({
    type: 'EXECUTE_ASSISTANT',
    payload: executeAssistantPayload,
    concurrency: options.concurrency,
    handler: (command: Command<AssistantPayload>, context) => answer(command, readInput(command.payload), context),
  });
}

type AnswerOffline = typeof import('./offline/answer-offline.ts').answerOffline;
type Answer = (command: Command<AssistantPayload>, input: string, context: CommandContext) => Promise<AssistantResult>;

/** Answers by the configured provider, else offline; loads what that needs at the first call. */
function createAnswer(options: ResolvedOptions): Answer {
  const { provider, clock } = options;
  if (provider !== undefined) {
    return async (command, input, context) => {
      const { answerOnline } = await import('./online/answer-online.ts');
      return answerOnline({ provider, clock }, { input, context: command.payload.context }, context);
    };
  }
  let answerOffline: AnswerOffline | undefined;
  return async (command, input, context) => {
    // Once loaded it begins within the call. The engine starts handlers in short slices; those that first waited for
    // anything would all go on in the same turn of the event loop, hundreds of them.
    answerOffline ??= (await import('./offline/answer-offline.ts')).answerOffline;
    return answerOffline({ text: input, reference: command.createdAt, clock, signal: context.signal });
  };
}

/** The engine checks payloads at intake; work that came in another way, or before a limit was lowered, is checked here. */
function readInput(payload: AssistantPayload): string {
  const input = payload?.input ?? payload?.userInput ?? '';
  if (typeof input !== 'string' || input.trim() === '') throw refused('Give the text in payload.input.');
  if (input.length > INPUT_CHARS_MAX) throw refused(`payload.input may have at most ${INPUT_CHARS_MAX} characters.`);
  if (payload.context !== undefined && JSON.stringify(payload.context).length > CONTEXT_CHARS_MAX) {
    throw refused(`payload.context may have at most ${CONTEXT_CHARS_MAX} characters as JSON.`);
  }
  return input;
}

function refused(message: string): Unrecoverable {
  return new Unrecoverable(message, { code: 'VALIDATION_ERROR' });
}

function scheduleHabits() {
  return defineCommand({
    type: 'SCHEDULE_HABITS',
    payload: scheduleHabitsPayload,
    handler: () => {
      throw new Unrecoverable(
        'Habits cannot be scheduled: the scheduling room is not part of this installation. Start Millrace with it, or ' +
          'register a definition of SCHEDULE_HABITS with --handlers.',
        { code: 'RESOURCE_ERROR', details: { missing: 'scheduling' } },
      );
    },
  });
}
