import { COMMAND_STATUSES, PRIORITIES, TERMINAL_STATUSES } from '@millrace/kit';
import { type TProperties, Type } from 'typebox';

/** What the routes take and give, for OpenAPI. Bodies of submissions are checked by the room itself: `parseSubmission`. */

const Instant = (description: string) => Type.String({ format: 'date-time', description });
const Text = (description: string) => Type.Optional(Type.String({ description }));

export const CommandErrorSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
  retryable: Type.Boolean(),
});

export const SubmitBody = Type.Object(
  {
    taskId: Type.Optional(Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9_-]+$' })),
    taskType: Type.String({ minLength: 1, maxLength: 100 }),
    payload: Type.Optional(Type.Unknown({ description: 'Checked against the schema of the type.' })),
    metadata: Type.Optional(
      Type.Object(
        {
          priority: Type.Optional(Type.Enum([...PRIORITIES], { default: 'normal' })),
          timeout: Type.Optional(Type.Number({ minimum: 1, maximum: 3600, description: 'Seconds per attempt.' })),
        },
        { additionalProperties: true },
      ),
    ),
    correlationId: Text('Kept with the command and its log lines.'),
    delay: Type.Optional(Type.Number({ minimum: 0, description: 'Milliseconds until it may start.' })),
    runAt: Type.Optional(Instant('Instant before which it may not start.')),
    expiresAt: Type.Optional(Instant('Instant after which it is no longer started.')),
    concurrencyKey: Text('Commands of one key share its limits.'),
    callbackUrl: Text('Where the outcome is POSTed when the command has ended.'),
  },
  { additionalProperties: false },
);

/** As `SubmitBody`, with the taskId required. */
export const ProcessBody = Type.Object(
  { ...SubmitBody.properties, taskId: Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9_-]+$' }) },
  { additionalProperties: false },
);

export const OutcomeSchema = Type.Object(
  {
    taskId: Type.String(),
    status: Type.Enum([...TERMINAL_STATUSES]),
    result: Type.Optional(Type.Unknown()),
    error: Type.Optional(CommandErrorSchema),
    processingTime: Type.Number({ description: 'Milliseconds from acceptance to end.' }),
  },
  { description: 'The command has ended, in whatever state.' },
);

export const AcceptedSchema = Type.Object(
  {
    taskId: Type.String(),
    status: Type.Literal('ACCEPTED'),
    queuePosition: Type.Integer(),
    estimatedCompletion: Instant('A guess.'),
  },
  { description: 'The command is durable and goes on; `Location` says where to look.' },
);

export const RefusedSchema = Type.Object(
  {
    taskId: Type.Optional(Type.String()),
    status: Type.Optional(Type.Literal('FAILURE')),
    error: CommandErrorSchema,
  },
  { description: 'Nothing was stored.' },
);

export const BatchAnswer = Type.Object({
  items: Type.Array(
    Type.Union([
      Type.Object({
        taskId: Type.String(),
        status: Type.Literal('ACCEPTED'),
        replay: Type.Optional(Type.Literal(true)),
      }),
      Type.Object({
        taskId: Type.Optional(Type.String()),
        error: CommandErrorSchema,
        line: Type.Optional(Type.Integer()),
      }),
    ]),
    { description: 'One answer per item, in order.' },
  ),
});

const Moment = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

const ViewProperties = {
  taskId: Type.String(),
  taskType: Type.String(),
  status: Type.Enum([...COMMAND_STATUSES]),
  run: Type.Integer(),
  attempts: Type.Integer({ description: 'Handler starts in this run.' }),
  deadLettered: Type.Boolean(),
  history: Type.Array(Type.Unknown()),
  priority: Type.Enum([...PRIORITIES]),
  createdAt: Type.String({ format: 'date-time' }),
  runAt: Type.String({ format: 'date-time' }),
  startedAt: Moment,
  updatedAt: Type.String({ format: 'date-time' }),
  finishedAt: Moment,
  duration: Type.Union([Type.Number(), Type.Null()], { description: 'Milliseconds of the last attempt.' }),
  expiresAt: Type.Optional(Type.String({ format: 'date-time' })),
  correlationId: Type.Optional(Type.String()),
  concurrencyKey: Type.Optional(Type.String()),
  payload: Type.Optional(Type.Unknown()),
  metadata: Type.Optional(Type.Unknown()),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(CommandErrorSchema),
} satisfies TProperties;

export const ViewSchema = Type.Object(ViewProperties);

/** Names that `?fields=` may give. */
export const VIEW_FIELDS: ReadonlySet<string> = new Set(Object.keys(ViewProperties));

export const ViewPage = Type.Object({
  items: Type.Array(ViewSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});

export const TypeStateSchema = Type.Object({
  taskType: Type.String(),
  paused: Type.Boolean(),
  depth: Type.Integer({ description: 'Due and not started.' }),
  running: Type.Integer(),
});

export const TaskIdParams = Type.Object({ taskId: Type.String() });

export const RedriveBody = Type.Object(
  {
    taskType: Text('Only commands of this type.'),
    errorCode: Text('Only commands that failed with this code.'),
    finishedFrom: Type.Optional(Instant('Only commands that ended then or later.')),
    finishedTo: Type.Optional(Instant('Only commands that ended before.')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 10_000 })),
  },
  { additionalProperties: false },
);
