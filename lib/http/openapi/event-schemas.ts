import { taskStatuses } from '../../task/task-status.js';
import type { Component, Schema } from './openapi-metadata.js';
import { objectOf, refTo } from './openapi-metadata.js';

interface EventDescription {
  readonly type: string;
  readonly meaning: string;
  readonly data: Schema;
}

const attempt: Schema = { type: 'integer', minimum: 1 };
const abandoned: Schema = {
  type: 'boolean',
  enum: [true],
  description: 'Present if the handler did not end within its grace.',
};
const reason: Schema = {
  type: 'string',
  description: 'external_cancellation, self_cancellation, unwatched, shutdown or lost.',
};

const descriptions: readonly EventDescription[] = [
  {
    type: 'started',
    meaning: 'An attempt begins.',
    data: objectOf({ attempt }),
  },
  {
    type: 'retrying',
    meaning: 'An attempt failed, or its instance was lost or closed. Another one follows.',
    data: objectOf({
      attempt: { ...attempt, description: 'The attempt that comes.' },
      delay: { type: 'number', description: 'Milliseconds until then.' },
      message: { type: 'string' },
      cause: { type: 'string', enum: ['failed', 'lost', 'handover'] },
    }),
  },
  {
    type: 'cancelling',
    meaning: 'A cancellation was accepted. Sent only by task types that announce it.',
    data: objectOf({ reason, detail: { type: 'string' } }, ['detail']),
  },
  {
    type: 'completed',
    meaning: 'The end: the task returned.',
    data: objectOf({ finalValue: { description: 'What the task returned.' } }),
  },
  {
    type: 'failed',
    meaning: 'The end: the task failed.',
    data: objectOf({ message: { type: 'string' }, errorType: { type: 'string' } }),
  },
  {
    type: 'cancelled',
    meaning: 'The end: the task was cancelled.',
    data: objectOf({ message: { type: 'string' }, reason, detail: { type: 'string' }, abandoned }, [
      'detail',
      'abandoned',
    ]),
  },
  {
    type: 'timeout',
    meaning: 'The end: a time limit passed.',
    data: objectOf(
      {
        message: { type: 'string' },
        of: { type: 'string', enum: ['total', 'idle', 'pending'] },
        timeout: { type: 'number', description: 'The limit in milliseconds.' },
        abandoned,
      },
      ['abandoned'],
    ),
  },
  {
    type: 'gap',
    meaning: 'Events before the next one are not kept, or the position of the client is unknown.',
    data: objectOf({
      cause: { type: 'string', enum: ['expired', 'restarted', 'unknown-id'] },
      missed: { type: 'integer', minimum: 1, nullable: true },
      // null where the store has lost the task.
      snapshot: { oneOf: [refTo('TaskSnapshot'), { enum: [null] }] },
    }),
  },
  {
    type: 'state',
    meaning: 'With `?from=state`, before all else: what the events up to this id have led to.',
    data: objectOf({
      state: { description: 'What the task type folds its events to.' },
      status: { type: 'string', enum: [...taskStatuses] },
    }),
  },
];

const unavailable: EventDescription = {
  type: 'unavailable',
  meaning: 'A task of the list cannot be watched.',
  data: objectOf({
    task: { type: 'string', description: 'app/name/id' },
    code: { type: 'string' },
    message: { type: 'string' },
  }),
};

export const eventComponents: readonly Component[] = descriptions.map(componentOf);
export const unavailableComponent: Component = componentOf(unavailable);

export const eventsText = [
  'Server-Sent Events. The `data` of each event is one line of JSON:',
  ...descriptions.map(({ type, meaning }) => `- \`${type}\` (${componentName(type)}): ${meaning}`),
  '- any other type, `progress` among them: what the task sends.',
].join('\n');

/** One event as JSON Schema 2020-12, for OpenAPI 3.2. On a stream of many tasks each event says whose it is. */
export function eventSchema(ofMany: boolean): Schema {
  const known = ofMany ? [...descriptions, unavailable] : descriptions;
  return {
    type: 'object',
    required: ['event', 'data', 'id'],
    properties: {
      event: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,64}$' },
      data: { type: 'string', contentMediaType: 'application/json' },
      id: { type: 'string', description: 'Give it back as Last-Event-ID to continue after this event.' },
      retry: { type: 'integer', minimum: 0 },
    },
    anyOf: [
      // An `unavailable` event names its task itself.
      ...known.map((event) => variant(event, ofMany && event !== unavailable)),
      {
        description: 'What the task sends.',
        properties: {
          event: { not: { enum: known.map(({ type }) => type) } },
          data: { contentSchema: ofMany ? envelope({}) : true },
        },
      },
    ],
  };
}

function variant({ type, meaning }: EventDescription, inEnvelope: boolean): Schema {
  const schema = refTo(componentName(type));
  return {
    description: meaning,
    properties: { event: { const: type }, data: { contentSchema: inEnvelope ? envelope(schema) : schema } },
  };
}

function envelope(data: Schema): Schema {
  return objectOf({
    task: { type: 'string', description: 'app/name/id' },
    id: { type: 'string', description: 'The id of the event in the log of its task.' },
    data,
  });
}

function componentOf({ type, meaning, data }: EventDescription): Component {
  return { name: componentName(type), schema: { description: `Data of \`${type}\`. ${meaning}`, ...data } };
}

/** `started` is `TaskStartedEvent`. */
function componentName(type: string): string {
  return `Task${type.charAt(0).toUpperCase()}${type.slice(1)}Event`;
}
