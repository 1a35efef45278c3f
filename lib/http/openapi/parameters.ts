import { MAX_POSITIONS } from '../../log/wire/composite-id.js';
import { taskStatuses } from '../../task/task-status.js';
import { MAX_LIST_LIMIT, MAX_WAIT } from '../request/http-query.js';
import type { Parameter, Schema } from './openapi-metadata.js';

const name: Schema = { type: 'string', minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._~-]+$' };
const id: Schema = { ...name, maxLength: 100 };
const eventId: Schema = { type: 'string' };

export const typeParameters: readonly Parameter[] = [
  path('app', 'The application or module that the task type belongs to.', name),
  path('name', 'The name of the task type. Upper and lower case differ.', name),
];

export const taskParameters: readonly Parameter[] = [
  ...typeParameters,
  path('id', 'The id of the task. It is unique within its task type.', id),
];

export const signalParameter = path('signal', 'The name that the task waits for.', {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9._:-]+$',
});

export const tasksParameter = query('task', 'A task as `app/name/id`. Give it once for each task.', {
  type: 'array',
  minItems: 1,
  maxItems: MAX_POSITIONS,
  uniqueItems: true,
  items: { type: 'string', pattern: '^[A-Za-z0-9._~-]{1,64}/[A-Za-z0-9._~-]{1,64}/[A-Za-z0-9._~-]{1,100}$' },
});

export const resumeParameters: readonly Parameter[] = [
  header(
    'Last-Event-ID',
    'The id of the last event that the client has. The stream continues after it.',
    eventId,
  ),
  query(
    'lastEventId',
    'The same for clients that cannot set headers. The header wins. An empty value counts as absent.',
    eventId,
  ),
  query(
    'from',
    'For a client without an id. `latest`: only the newest event, and what follows. `state`: one event `state` in its place, if the task has a state.',
    { type: 'string', enum: ['latest', 'state'] },
  ),
];

export const cancelParameters: readonly Parameter[] = [
  query('detail', 'Why. Watchers see this text. It is cut at 500 characters.', { type: 'string' }),
  query('wait', 'How long to wait for the end of the task, in milliseconds.', {
    type: 'integer',
    minimum: 0,
    maximum: MAX_WAIT,
  }),
  header(
    'If-Match',
    'The epoch of the run that is meant: the part of an event id before the last hyphen. ' +
      'If another run has this id by now, the answer is 409.',
    { type: 'string' },
  ),
];

export const listParameters: readonly Parameter[] = [
  query('status', 'Only tasks with this status.', { type: 'string', enum: [...taskStatuses] }),
  query('app', 'Only tasks of this application.', { type: 'string' }),
  query('name', 'Only tasks of the types with this name.', { type: 'string' }),
  query('limit', 'The size of the page.', {
    type: 'integer',
    minimum: 1,
    maximum: MAX_LIST_LIMIT,
    default: 100,
  }),
  query('cursor', 'The `nextCursor` of the page before.', { type: 'string' }),
];

function path(parameter: string, description: string, schema: Schema): Parameter {
  return { name: parameter, in: 'path', required: true, description, schema };
}

function query(parameter: string, description: string, schema: Schema): Parameter {
  return { name: parameter, in: 'query', required: parameter === 'task', description, schema };
}

function header(parameter: string, description: string, schema: Schema): Parameter {
  return { name: parameter, in: 'header', required: false, description, schema };
}
