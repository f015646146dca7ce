import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifySchema } from 'fastify';
import { Type } from 'typebox';
import type { HttpApp } from './http-app.ts';
import type { AuthOptions } from './options.ts';
import { isAuthConfigured } from './safe-binding.ts';

/** The body of every error, for the schemas of routes that say more. */
export const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      details: Type.Record(Type.String(), Type.Unknown()),
      retryable: Type.Boolean(),
    }),
  },
  { description: 'The request was refused; `error.retryable` says whether the same request may succeed later.' },
);

export interface OpenApiOptions {
  readonly service: { readonly name: string; readonly version: string };
  readonly auth: AuthOptions;
}

/** Collects the schemas of all routes that are registered after it into OpenAPI 3.1. */
export async function registerOpenApi(app: HttpApp, { service, auth }: OpenApiOptions): Promise<void> {
  const isProtected = isAuthConfigured(auth);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: service.name, version: service.version },
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: auth.apiKeyHeader ?? 'X-API-Key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const isOpen = !isProtected || route.config?.public === true;
      return { url, schema: documented(schema ?? {}, isOpen) };
    },
  });
}

/** `/openapi.json` and the page at `/docs`, whose files all come from this server. */
export async function registerDocs(app: HttpApp): Promise<void> {
  app.get('/openapi.json', { config: { compress: true }, schema: { hide: true } }, (_, reply) => {
    reply.send(app.swagger());
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: onlyOwnFiles,
    uiConfig: { url: '/openapi.json', validatorUrl: null, persistAuthorization: true } as Record<string, unknown>,
  });
}

/** The page's policy without its exceptions for other servers, and without the upgrade to TLS that plain HTTP lacks. */
function onlyOwnFiles(policy: string): string {
  return policy.replace(/ https:| validator\.swagger\.io| ?upgrade-insecure-requests;/g, '');
}

function documented(schema: FastifySchema, isOpen: boolean): FastifySchema {
  const response = { default: ErrorSchema, ...(schema.response as Record<string, unknown> | undefined) };
  const hasSuccess = Object.keys(response).some((status) => status.startsWith('2'));
  return {
    ...schema,
    security: isOpen ? [] : [{ apiKey: [] }, { bearer: [] }],
    response: hasSuccess ? response : { '2xx': { description: 'Done.' }, ...response },
  } as FastifySchema;
}
