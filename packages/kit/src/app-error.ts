/** How an error of a given code looks to a caller. */
export interface ErrorSpec {
  /** One sentence; `{name}` is replaced by the detail of that name. */
  readonly message: string;
  /** HTTP status that the edge answers with. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/** A package's table of errors: code → what it says. Codes are never reused. */
export type ErrorTable = Readonly<Record<string, ErrorSpec>>;

/** JSON values that an error may carry for the caller. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface AppErrorOptions {
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
  /** After how long a retry makes sense, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/** The body of an error at every edge: `{ error: { code, message, details, retryable } }`. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly retryable: boolean;
}

/** An error that a caller may see: a code from a package's table, and what the caller can do about it. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, spec: ErrorSpec, options: AppErrorOptions = {}) {
    const details = options.details ?? {};
    super(fillMessage(spec.message, details), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = spec.status;
    this.retryable = spec.retryable;
    this.details = details;
    this.retryAfterMs = options.retryAfterMs;
  }

  toBody(): ErrorBody {
    return { code: this.code, message: this.message, details: this.details, retryable: this.retryable };
  }
}

/** Makes a typed constructor for the errors of one table: `const fail = errorFactory(ERRORS); throw fail('CODE')`. */
export function errorFactory<TTable extends ErrorTable>(table: TTable) {
  return (code: keyof TTable & string, options?: AppErrorOptions): AppError => {
    const spec = table[code];
    if (spec === undefined) throw new TypeError(`Unknown error code ${code}: add it to the package's error table.`);
    return new AppError(code, spec, options);
  };
}

const INTERNAL: ErrorSpec = { message: 'Something went wrong on our side.', status: 500, retryable: true };

/** Turns anything thrown into an `AppError`; what is not one becomes INTERNAL_ERROR with the original as `cause`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL_ERROR', INTERNAL, { cause: error });
}

/** The message of anything thrown, for logs and stored results. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  try {
    return String(error);
  } catch {
    // An object without a prototype, or with a `toString` that throws.
    return 'Unknown error';
  }
}

function fillMessage(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(details, name) ? String(details[name]) : whole,
  );
}
