import { taskStatuses } from '../../task/task-status.js';
import { type Component, objectOf, refTo, type Schema } from './openapi-metadata.js';

/** Any JSON value. A schema without a type allows `null` too. */
function anyJson(description: string): Schema {
  return { description };
}

const text: Schema = { type: 'string' };
const time: Schema = { ...text, format: 'date-time' };
const withAuthorizer = 'Present only if the server has an authorizer.';

const cancellation = objectOf(
  {
    kind: {
      ...text,
      enum: ['external', 'self', 'unwatched', 'timeout', 'shutdown', 'lost', 'parent', 'sibling'],
    },
    detail: text,
    by: { ...text, description: withAuthorizer },
    of: { ...text, enum: ['total', 'idle', 'pending', 'scope'], description: 'Which limit passed.' },
    timeout: { type: 'number', description: 'The limit in milliseconds.' },
  },
  ['detail', 'by', 'of', 'timeout'],
);

export const taskSnapshot: Component = {
  name: 'TaskSnapshot',
  schema: {
    description: 'What a task looks like at one moment.',
    ...objectOf(
      {
        app: text,
        name: text,
        id: text,
        status: { ...text, enum: [...taskStatuses] },
        attempt: {
          type: 'integer',
          minimum: 0,
          description: 'Which attempt runs or ran last. 0 before the first.',
        },
        owner: { ...text, description: withAuthorizer },
        metadata: anyJson(withAuthorizer),
        createdAt: time,
        startedAt: { ...time, nullable: true },
        endedAt: { ...time, nullable: true },
        progress: {
          ...objectOf({ percent: { type: 'number' }, message: text }, ['percent', 'message']),
          nullable: true,
          description: 'The newest progress.',
          additionalProperties: true,
        },
        state: anyJson(
          'What the events up to lastEventId are folded to. Present only if the task type folds them.',
        ),
        finalValue: anyJson('What a completed task returned, otherwise null.'),
        error: {
          ...objectOf({ message: text, errorType: text }),
          nullable: true,
          description: 'What a failed task failed with.',
        },
        cancellation: {
          ...cancellation,
          nullable: true,
          description: 'Why the task was or is being cancelled.',
        },
        lastEventId: { ...text, nullable: true },
        watchers: { type: 'integer', minimum: 0, description: 'How many clients watch now.' },
      },
      ['owner', 'metadata', 'state'],
    ),
  },
};

export const cancelAnswer: Component = {
  name: 'CancelAnswer',
  schema: {
    description: 'The cancellation is accepted.',
    ...objectOf({
      cancelled: { type: 'boolean', enum: [true] },
      status: {
        ...text,
        enum: ['cancelling', 'cancelled'],
        description: '`cancelled` if the task had not begun.',
      },
    }),
  },
};

export const listAnswer: Component = {
  name: 'ListAnswer',
  schema: {
    description: 'One page of tasks, newest first.',
    ...objectOf({
      items: { type: 'array', items: refTo('TaskSnapshot') },
      nextCursor: { ...text, nullable: true, description: 'For the next page. null on the last one.' },
    }),
  },
};

const jsonSchema: Schema = {
  nullable: true,
  description: 'A JSON Schema; null where the server does not know it.',
  type: 'object',
  additionalProperties: true,
};

export const typesAnswer: Component = {
  name: 'TypesAnswer',
  schema: {
    description: 'What the task types of the server take and send.',
    ...objectOf({
      tasks: {
        type: 'array',
        items: objectOf({
          app: text,
          name: text,
          input: jsonSchema,
          result: jsonSchema,
          events: jsonSchema,
          state: jsonSchema,
        }),
      },
    }),
  },
};
