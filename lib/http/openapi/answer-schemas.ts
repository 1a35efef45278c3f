import { taskStatuses } from '../../task/task-status.js';
import type { Component, Schema } from './openapi-metadata.js';
import { refTo } from './openapi-metadata.js';

/** Any JSON value. A schema without a type allows `null` too. */
export function anyJson(description: string): Schema {
  return { description };
}

const time: Schema = { type: 'string', format: 'date-time' };

export const taskSnapshot: Component = {
  name: 'TaskSnapshot',
  schema: {
    type: 'object',
    description: 'What a task looks like at one moment.',
    required: [
      'app',
      'name',
      'id',
      'status',
      'attempt',
      'createdAt',
      'startedAt',
      'endedAt',
      'progress',
      'finalValue',
      'error',
      'cancellation',
      'lastEventId',
      'watchers',
    ],
    properties: {
      app: { type: 'string' },
      name: { type: 'string' },
      id: { type: 'string' },
      status: { type: 'string', enum: [...taskStatuses] },
      attempt: {
        type: 'integer',
        minimum: 0,
        description: 'Which attempt runs or ran last. 0 before the first.',
      },
      owner: { type: 'string', description: 'Present only if the server has an authorizer.' },
      metadata: anyJson('Present only if the server has an authorizer.'),
      createdAt: time,
      startedAt: { ...time, nullable: true },
      endedAt: { ...time, nullable: true },
      progress: {
        type: 'object',
        nullable: true,
        description: 'The newest progress.',
        properties: { percent: { type: 'number' }, message: { type: 'string' } },
        additionalProperties: true,
      },
      finalValue: anyJson('What a completed task returned, otherwise null.'),
      error: {
        type: 'object',
        nullable: true,
        description: 'What a failed task failed with.',
        required: ['message', 'errorType'],
        properties: { message: { type: 'string' }, errorType: { type: 'string' } },
      },
      cancellation: {
        type: 'object',
        nullable: true,
        description: 'Why the task was or is being cancelled.',
        required: ['kind'],
        properties: {
          kind: {
            type: 'string',
            enum: ['external', 'self', 'unwatched', 'timeout', 'shutdown', 'lost', 'parent', 'sibling'],
          },
          detail: { type: 'string' },
          by: { type: 'string', description: 'Present only if the server has an authorizer.' },
          of: {
            type: 'string',
            enum: ['total', 'idle', 'pending', 'scope'],
            description: 'Which limit passed.',
          },
          timeout: { type: 'number', description: 'The limit in milliseconds.' },
        },
      },
      lastEventId: { type: 'string', nullable: true },
      watchers: { type: 'integer', minimum: 0, description: 'How many clients watch now.' },
    },
  },
};

export const cancelAnswer: Component = {
  name: 'CancelAnswer',
  schema: {
    type: 'object',
    description: 'The cancellation is accepted.',
    required: ['cancelled', 'status'],
    properties: {
      cancelled: { type: 'boolean', enum: [true] },
      status: {
        type: 'string',
        enum: ['cancelling', 'cancelled'],
        description: '`cancelled` if the task had not begun.',
      },
    },
  },
};

export const listAnswer: Component = {
  name: 'ListAnswer',
  schema: {
    type: 'object',
    description: 'One page of tasks, newest first.',
    required: ['items', 'nextCursor'],
    properties: {
      items: { type: 'array', items: refTo('TaskSnapshot') },
      nextCursor: { type: 'string', nullable: true, description: 'For the next page. null on the last one.' },
    },
  },
};
