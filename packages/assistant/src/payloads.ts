import { type Static, Type } from 'typebox';

/** Longest input text in characters; longer ones are refused at intake as VALIDATION_ERROR. */
export const INPUT_CHARS_MAX = 100_000;
/** Longest `context` as JSON text, in characters. */
export const CONTEXT_CHARS_MAX = 20_000;
const ID_CHARS_MAX = 200;
const HABITS_MAX = 100;
const NAME_CHARS_MAX = 200;
const DAY_MINUTES = 1440;

const id = () => Type.Optional(Type.String({ minLength: 1, maxLength: ID_CHARS_MAX }));
const text = () => Type.Optional(Type.String({ minLength: 1, maxLength: INPUT_CHARS_MAX, pattern: '\\S' }));

/**
 * Payload of EXECUTE_ASSISTANT. `input` and `userInput` are two names of the same thing (both occur in the wild);
 * one of them must be there and hold more than white space. `input` wins.
 */
export const executeAssistantPayload = Type.Object(
  {
    assistantId: id(),
    input: text(),
    userInput: text(),
    userId: id(),
    context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { anyOf: [{ required: ['input'] }, { required: ['userInput'] }] },
);
export type AssistantPayload = Static<typeof executeAssistantPayload>;

/** Payload of SCHEDULE_HABITS: whose habits, and when and how long each is to happen. */
export const scheduleHabitsPayload = Type.Object({
  userId: Type.String({ minLength: 1, maxLength: ID_CHARS_MAX }),
  habits: Type.Array(
    Type.Object({
      name: Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX, pattern: '\\S' }),
      frequency: Type.Union([Type.Literal('daily'), Type.Literal('weekly'), Type.Literal('monthly')]),
      /** HH:MM, 24 hours. */
      time: Type.Optional(Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' })),
      /** Minutes. */
      duration: Type.Optional(Type.Integer({ minimum: 1, maximum: DAY_MINUTES })),
    }),
    { minItems: 1, maxItems: HABITS_MAX },
  ),
});
export type ScheduleHabitsPayload = Static<typeof scheduleHabitsPayload>;
