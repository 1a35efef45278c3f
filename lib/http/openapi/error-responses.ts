import { STATUS_CODES } from 'node:http';
import { isTemporary, statusOf } from '../errors/http-errors.js';
import { objectOf, refTo, type Component, type Response, type Schema } from './openapi-metadata.js';

/** What each code means to a client. */
const MEANINGS = {
  INVALID_TASK_ID: 'a part of the path cannot name a task',
  INVALID_QUERY: 'a query parameter is wrong',
  INVALID_EVENT: 'the name of the signal is malformed',
  INVALID_INPUT:
    'the body is neither an object nor an array, or it does not match the schema of the task type',
  FORBIDDEN: 'the authorizer refuses',
  TASK_NOT_FOUND: 'there is no such task or task type, or the authorizer hides it',
  TASK_ENDED: 'the task is over or can no longer be cancelled, or If-Match names another run',
  UNSUPPORTED_MEDIA_TYPE: 'the body is not JSON',
  TOO_MANY_TASKS: 'too many tasks of this type wait',
  TOO_MANY_SIGNALS: 'too many signals wait',
  TOO_MANY_STREAMS: 'too many streams are open',
  SHUTTING_DOWN: 'the server is closing',
  STORE_UNAVAILABLE:
    'the store that the instances of the application share does not answer; what was asked may have been done',
} as const;

export type ErrorCode = keyof typeof MEANINGS;

/** Answers of the framework itself, before a route is called. They have no code. */
const FRAMEWORK_MEANINGS: Readonly<Record<number, string>> = {
  400: 'the body is broken JSON',
  413: 'the body is larger than the server accepts',
  415: 'the framework cannot read the body',
};

export const frameworkError: Component = {
  name: 'FrameworkError',
  schema: {
    description: 'An error of the framework, without a code.',
    ...objectOf({ statusCode: { type: 'integer' }, message: { type: 'string' }, error: { type: 'string' } }, [
      'error',
    ]),
    additionalProperties: true,
  },
};

/** The error answers of a route, by status: those with a code, and of a route with a body those of the framework. */
export function errorResponses(
  codes: readonly ErrorCode[],
  { takesBody = false }: { readonly takesBody?: boolean } = {},
): Record<number, Response> {
  const statuses = new Set([
    ...codes.map(statusOf),
    ...(takesBody ? Object.keys(FRAMEWORK_MEANINGS).map(Number) : []),
  ]);
  return Object.fromEntries(
    [...statuses]
      .toSorted((one, other) => one - other)
      .map((status) => {
        const own = codes.filter((code) => statusOf(code) === status);
        return [status, errorResponse(status, own, takesBody ? FRAMEWORK_MEANINGS[status] : undefined)];
      }),
  );
}

function errorResponse(status: number, codes: readonly ErrorCode[], framework: string | undefined): Response {
  const reasons = codes.map((code) => `\`${code}\`: ${MEANINGS[code]}.`);
  if (framework !== undefined) reasons.push(`Without a code: ${framework}.`);
  const schemas = [
    ...(codes.length > 0 ? [errorBody(status, codes)] : []),
    ...(framework === undefined ? [] : [refTo('FrameworkError')]),
  ];
  const [only, ...others] = schemas;
  return {
    description: reasons.join(' '),
    ...(isTemporary(status) && {
      headers: {
        'Retry-After': {
          description: 'Seconds after which the client may try again.',
          schema: { type: 'integer' },
        },
      },
    }),
    content: { 'application/json': { schema: only && others.length === 0 ? only : { anyOf: schemas } } },
  };
}

function errorBody(status: number, codes: readonly ErrorCode[]): Schema {
  const properties = {
    statusCode: { type: 'integer', enum: [status] },
    code: { type: 'string', enum: [...codes] },
    message: { type: 'string' },
    error: { type: 'string', enum: [STATUS_CODES[status]] },
    ...(codes.includes('INVALID_INPUT') && { issues, issueCount }),
  };
  return objectOf(properties, ['issues', 'issueCount']);
}

const issues: Schema = {
  type: 'array',
  description: 'With `INVALID_INPUT`: what is wrong with the body.',
  items: objectOf({
    message: { type: 'string' },
    path: {
      type: 'array',
      description: 'Where in the body, outermost first. Empty for the body as a whole.',
      items: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    },
  }),
};

const issueCount: Schema = {
  type: 'integer',
  description: 'How many issues there are, if the body does not have all of them.',
};
