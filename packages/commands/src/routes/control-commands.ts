import type { HttpApp } from '@millrace/http';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RedriveFilter } from '../commands.ts';
import { invalid } from '../errors.ts';
import { parseInstant } from '../submission.ts';
import { answers, type CommandRoutesOptions, documentsOnly, TAGS } from './route-options.ts';
import { RedriveBody, TaskIdParams, TypeStateSchema, ViewSchema } from './schemas.ts';

/** What names a task type: as `defineCommand` allows. */
const TASK_TYPE = '^[A-Za-z0-9_.-]{1,100}$';

/** What operators do: cancel, retry, forget, redrive, pause. All of it is taken while the process is overloaded. */
export function controlRoutes(app: HttpApp, { commands }: CommandRoutesOptions): void {
  const schema = { tags: TAGS, params: TaskIdParams };
  const view = answers({ 200: ViewSchema });
  const cancel = { ...schema, summary: 'End a command that has not ended', response: view };
  app.post('/commands/:taskId/cancel', { schema: cancel, config: { alwaysAccept: true } }, (request) =>
    commands.cancel(request.params.taskId),
  );
  const retry = { ...schema, summary: 'Run a command again that ended without success', response: view };
  app.post('/commands/:taskId/retry', { schema: retry }, (request) => commands.retry(request.params.taskId));
  const remove = { ...schema, summary: 'Forget a command that has ended: its taskId is new again' };
  app.delete('/commands/:taskId', { schema: remove }, async (request, reply) => {
    await commands.remove(request.params.taskId);
    return reply.code(204).send();
  });
  redriveRoute(app, { commands });
  pauseRoutes(app, { commands });
}

type Options = Pick<CommandRoutesOptions, 'commands'>;

function redriveRoute(app: HttpApp, { commands }: Options): void {
  const schema = {
    tags: TAGS,
    summary: 'Run dead-lettered commands again',
    description: 'Those that match, the longest dead first; no body means all, up to the limit.',
    body: RedriveBody,
    response: answers({ 200: Type.Object({ redriven: Type.Integer() }) }),
  };
  const config = { scope: 'admin' } as const;
  app.post('/commands/dead-letters/redrive', { schema, config, validatorCompiler: documentsOnly }, async (request) => ({
    redriven: await commands.redrive(redriveFilter(request.body)),
  }));
}

function pauseRoutes(app: HttpApp, { commands }: Options): void {
  const schema = {
    tags: TAGS,
    params: Type.Object({ taskType: Type.String({ pattern: TASK_TYPE }) }),
    response: answers({ 200: TypeStateSchema }),
  };
  const config = { scope: 'admin', alwaysAccept: true } as const;
  const pause = { ...schema, summary: 'Start no more commands of a type; remembered across restarts' };
  app.post('/commands/types/:taskType/pause', { schema: pause, config }, (request) =>
    commands.pauseType(request.params.taskType),
  );
  const resume = { ...schema, summary: 'Start commands of a type again' };
  app.post('/commands/types/:taskType/resume', { schema: resume, config }, (request) =>
    commands.resumeType(request.params.taskType),
  );
}

const redriveCheck = Compile(RedriveBody);

/** @throws VALIDATION_ERROR: a misspelt filter must not redrive everything */
function redriveFilter(body: unknown): RedriveFilter {
  if (body === undefined || body === null) return {};
  if (!redriveCheck.Check(body)) {
    const [fault] = redriveCheck.Errors(body);
    const names = Object.keys(RedriveBody.properties).join(', ');
    throw invalid(fault?.instancePath ?? '', `The filter ${fault?.message ?? 'is wrong'}. Known are ${names}.`);
  }
  const { finishedFrom, finishedTo, ...rest } = body;
  return {
    ...rest,
    finishedFrom: finishedFrom === undefined ? undefined : new Date(parseInstant(finishedFrom, '/finishedFrom')),
    finishedTo: finishedTo === undefined ? undefined : new Date(parseInstant(finishedTo, '/finishedTo')),
  };
}
