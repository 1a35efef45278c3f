import { cancelAnswer, listAnswer, taskSnapshot, typesAnswer } from './answer-schemas.js';
import { type ErrorCode, errorResponses, frameworkError } from './error-responses.js';
import { eventComponents, eventsText, unavailableComponent } from './event-schemas.js';
import { type Response, refTo, type RouteDescription } from './openapi-metadata.js';
import {
  cancelParameters,
  listParameters,
  resumeParameters,
  signalParameter,
  taskParameters,
  tasksParameter,
  typeParameters,
} from './parameters.js';
import type { TaskInputs } from './task-inputs.js';

/** Any route that is about one task may answer these. */
const taskErrors: readonly ErrorCode[] = [
  'INVALID_TASK_ID',
  'FORBIDDEN',
  'TASK_NOT_FOUND',
  'STORE_UNAVAILABLE',
];
const streamErrors: readonly ErrorCode[] = [
  ...taskErrors,
  'INVALID_QUERY',
  'TOO_MANY_STREAMS',
  'SHUTTING_DOWN',
];
const startErrors: readonly ErrorCode[] = [
  ...taskErrors,
  'INVALID_INPUT',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_TASKS',
  'SHUTTING_DOWN',
];

const snapshot = (description: string): Response => json(description, 'TaskSnapshot');
const started: Response = {
  ...snapshot('The task is started.'),
  headers: { Location: { description: 'The path of its stream.', schema: { type: 'string' } } },
};
const streamEnds =
  'While the server is closing, has as many streams as it allows, or cannot reach its store, a request that names `text/event-stream` in ' +
  'its `Accept` header gets a stream that ends at once, as an EventSource does not come back after an error. ' +
  'Other requests get 503.';

export const watchRoute: RouteDescription = {
  summary: 'Watch a task',
  description: `A stream of the events of one task, from its first one that is kept to its end. Closing the connection does not cancel the task. ${streamEnds}`,
  parameters: [...taskParameters, ...resumeParameters],
  responses: { ...streamResponses('one'), ...errorResponses(streamErrors) },
  components: () => [taskSnapshot, ...eventComponents],
};

export const watchAllRoute: RouteDescription = {
  summary: 'Watch many tasks',
  description: `A stream of the events of up to 100 tasks on one connection. Each event says whose it is. ${streamEnds}`,
  parameters: [tasksParameter, ...resumeParameters],
  responses: { ...streamResponses('many'), ...errorResponses(streamErrors) },
  components: () => [taskSnapshot, ...eventComponents, unavailableComponent],
};

export const statusRoute: RouteDescription = {
  summary: 'Get a task',
  description: 'A snapshot of a task that runs, waits, or has ended and is still kept.',
  parameters: taskParameters,
  responses: { 200: snapshot('The task as it is now.'), ...errorResponses(taskErrors) },
  components: () => [taskSnapshot],
};

export const cancelRoute: RouteDescription = {
  summary: 'Cancel a task',
  description: 'Asks the task to end. The task may still clean up. May be repeated until the task is over.',
  parameters: [...taskParameters, ...cancelParameters],
  responses: {
    200: snapshot('With `wait`: the task ended within this time.'),
    202: json('The cancellation is accepted. The task has not ended yet.', 'CancelAnswer'),
    ...errorResponses([...taskErrors, 'INVALID_QUERY', 'TASK_ENDED']),
  },
  components: () => [taskSnapshot, cancelAnswer],
};

export const signalRoute: RouteDescription = {
  summary: 'Send a signal to a task',
  description: 'Hands data to a task that waits for a signal of this name, or will wait for it.',
  parameters: [...taskParameters, signalParameter],
  body: {
    description: 'The data of the signal: a JSON object or array. Without a body the task gets `null`.',
    schema: () => ({
      anyOf: [
        { type: 'object', additionalProperties: true },
        { type: 'array', items: {} },
      ],
    }),
  },
  responses: {
    202: { description: 'The task has the signal.' },
    ...errorResponses(
      [
        ...taskErrors,
        'INVALID_EVENT',
        'INVALID_INPUT',
        'TASK_ENDED',
        'UNSUPPORTED_MEDIA_TYPE',
        'TOO_MANY_SIGNALS',
      ],
      { takesBody: true },
    ),
  },
  components: () => [frameworkError],
};

export const listRoute: RouteDescription = {
  summary: 'List tasks',
  description: 'The tasks that the client may see, newest first.',
  parameters: listParameters,
  responses: {
    200: json('One page.', 'ListAnswer'),
    ...errorResponses(['INVALID_QUERY', 'STORE_UNAVAILABLE']),
  },
  components: () => [taskSnapshot, listAnswer],
};

export const typesRoute: RouteDescription = {
  summary: 'List task types',
  description: 'The task types of the server, with the JSON Schema of what each takes.',
  parameters: [],
  responses: { 200: json('All task types, by app and name.', 'TypesAnswer') },
  components: () => [typesAnswer],
};

export function startRoute(inputs: TaskInputs): RouteDescription {
  return {
    summary: 'Start a task',
    description: 'Starts a task with a random id.',
    parameters: typeParameters,
    ...bodyOf(inputs),
    responses: { 201: started, ...errorResponses(startErrors, { takesBody: true }) },
  };
}

export function startWithIdRoute(inputs: TaskInputs): RouteDescription {
  return {
    summary: 'Start a task with an id',
    description: 'Starts the task, unless one with this id runs or is still kept. Safe to repeat.',
    parameters: taskParameters,
    ...bodyOf(inputs),
    responses: {
      200: snapshot('A task with this id exists. Nothing is started.'),
      201: started,
      ...errorResponses(startErrors, { takesBody: true }),
    },
  };
}

function bodyOf(inputs: TaskInputs): Pick<RouteDescription, 'body' | 'components'> {
  return {
    body: {
      description: 'The input of the task, as its task type takes it. No body counts as `{}`.',
      schema: () => inputs.schema(),
    },
    components: () => [taskSnapshot, frameworkError, ...inputs.components()],
  };
}

function json(description: string, component: string): Response {
  return { description, content: { 'application/json': { schema: refTo(component) } } };
}

function streamResponses(of: 'one' | 'many'): Record<number, Response> {
  const description =
    of === 'one' ? eventsText : `${eventsText}\nThat is in \`data\` of an object \`{ task, id, data }\`.`;
  return {
    200: {
      description: 'The stream.',
      content: { 'text/event-stream': { schema: { description }, 'x-task-stream': of } },
    },
    204: { description: 'The client has seen the end. An EventSource stops.' },
  };
}
