import { InvalidTaskIdError } from './errors.js';

/**
 * What a task type is known by.
 *
 * @publicApi
 */
export interface TaskTypeRef {
  readonly app: string;
  readonly name: string;
}

/**
 * What a task is known by.
 *
 * @publicApi
 */
export interface TaskRef extends TaskTypeRef {
  readonly id: string;
}

const MAX_NAME_LENGTH = 64;
/** Longest `id`: Fastify takes no longer route parameter. */
const MAX_ID_LENGTH = 100;
const ALPHABET = /^[A-Za-z0-9._~-]+$/;

export function isTaskName(value: unknown): value is string {
  return isPart(value, MAX_NAME_LENGTH);
}

export function isTaskRef(ref: TaskRef): boolean {
  return isTaskName(ref.app) && isTaskName(ref.name) && isPart(ref.id, MAX_ID_LENGTH);
}

/** @throws InvalidTaskIdError naming the first part that is malformed */
export function assertTaskRef(ref: TaskRef): void {
  if (!isTaskName(ref.app)) throw new InvalidTaskIdError('app', ref.app, MAX_NAME_LENGTH);
  if (!isTaskName(ref.name)) throw new InvalidTaskIdError('name', ref.name, MAX_NAME_LENGTH);
  if (!isPart(ref.id, MAX_ID_LENGTH)) throw new InvalidTaskIdError('id', ref.id, MAX_ID_LENGTH);
}

/** `app:name:id`. No part can hold a colon, so no two tasks share a key. */
export function taskKey({ app, name, id }: TaskRef): string {
  return `${app}:${name}:${id}`;
}

/** `app/name/id`, as in the path of its stream and in `?task=`. No part needs an escape, in JSON neither. */
export function taskPath({ app, name, id }: TaskRef): string {
  return `${app}/${name}/${id}`;
}

function isPart(value: unknown, longest: number): value is string {
  return (
    typeof value === 'string' &&
    value.length <= longest &&
    ALPHABET.test(value) &&
    value !== '.' &&
    value !== '..'
  );
}
