import { errorFactory } from '@millrace/kit';

/** Every error that the edge itself answers with; rooms bring their own tables. */
export const HTTP_ERRORS = {
  VALIDATION_ERROR: { message: 'The request is not valid: {reason}.', status: 400, retryable: false },
  BAD_REQUEST: { message: 'The request could not be understood: {reason}.', status: 400, retryable: false },
  UNAUTHORIZED: { message: 'This needs a valid API key or bearer token.', status: 401, retryable: false },
  FORBIDDEN: { message: 'The credentials lack the scope "{scope}".', status: 403, retryable: false },
  ORIGIN_NOT_ALLOWED: {
    message: 'Web pages of {origin} may not call this server; name the origin in the CORS settings to allow it.',
    status: 403,
    retryable: false,
  },
  HOST_NOT_ALLOWED: {
    message: 'This server does not answer for the host "{host}"; name it in the allowed hosts to change that.',
    status: 421,
    retryable: false,
  },
  ROUTE_NOT_FOUND: { message: 'There is nothing at {method} {path}.', status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { message: '{path} does not answer {method}, only {allow}.', status: 405, retryable: false },
  REQUEST_TIMEOUT: { message: 'The request did not arrive in time.', status: 408, retryable: true },
  PAYLOAD_TOO_LARGE: { message: 'The body is larger than allowed.', status: 413, retryable: false },
  TOO_MANY_ITEMS: { message: 'A batch holds at most {limit} items.', status: 413, retryable: false },
  URI_TOO_LONG: { message: 'A part of the path is too long.', status: 414, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: {
    message: 'This route does not accept bodies of that content type; send application/json.',
    status: 415,
    retryable: false,
  },
  UNSUPPORTED_ENCODING: {
    message: 'The content encoding "{encoding}" is not accepted here; send {accepted}.',
    status: 415,
    retryable: false,
  },
  RATE_LIMITED: { message: 'Too many requests; at most {limit} in {windowMs} ms.', status: 429, retryable: true },
  HEADERS_TOO_LARGE: { message: 'The request headers are too large.', status: 431, retryable: false },
  SERVICE_STOPPING: { message: 'This process is stopping and takes nothing new.', status: 503, retryable: true },
  SERVICE_OVERLOADED: { message: 'This process is overloaded; try again later.', status: 503, retryable: true },
  UNSAFE_BINDING: {
    message:
      'Refusing to listen on {host} without authentication. Set API_KEY or JWT_SECRET, or listen on 127.0.0.1 (HOST).',
    status: 500,
    retryable: false,
  },
  LISTEN_FAILED: { message: 'Cannot listen on {host}:{port}: {reason}.', status: 500, retryable: false },
} as const;

/** Makes the errors of this package. */
export const fail = errorFactory(HTTP_ERRORS);
