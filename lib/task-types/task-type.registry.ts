import { Injectable, type Type } from '@nestjs/common';
import { TaskTypeConflictError, TaskTypeNotFoundError } from '../task/errors.js';
import type { TaskTypeRef } from '../task/task-ref.js';
import type { TaskType } from './task-type.js';

/** All task types of the application, by name and by class. */
@Injectable()
export class TaskTypeRegistry {
  readonly #byName = new Map<string, TaskType>();
  readonly #byClass = new Map<unknown, TaskType[]>();
  #onType: ((type: TaskType) => void) | undefined;

  add(type: TaskType, classRef: Type): void {
    const key = keyOf(type);
    if (this.#byName.has(key)) {
      throw new TaskTypeConflictError(
        `Two task types are called ${key}; give one of them another "app" or "name" in @StreamTask()`,
      );
    }
    this.#byName.set(key, type);
    const sameClass = this.#byClass.get(classRef);
    if (sameClass) sameClass.push(type);
    else this.#byClass.set(classRef, [type]);
    this.#onType?.(type);
  }

  /** Calls back for each, and for those that come with modules that are loaded later. */
  forEach(callback: (type: TaskType) => void): void {
    this.#onType = callback;
    for (const type of this.all) callback(type);
  }

  get all(): readonly TaskType[] {
    return [...this.#byName.values()];
  }

  /** Each as `app/name`, sorted. */
  get names(): string[] {
    return [...this.#byName.keys()].toSorted();
  }

  find(ref: TaskTypeRef): TaskType | undefined {
    return this.#byName.get(keyOf(ref));
  }

  /** Throws TaskTypeNotFoundError, and TaskTypeConflictError for a class that several modules provide. */
  get(type: Type | TaskTypeRef): TaskType {
    if (typeof type !== 'function') {
      const found = this.find(type);
      if (!found) throw new TaskTypeNotFoundError(keyOf(type));
      return found;
    }
    const [found, another] = this.#byClass.get(type) ?? [];
    if (!found) throw new TaskTypeNotFoundError(type.name);
    if (another) {
      throw new TaskTypeConflictError(
        `${type.name} is ${keyOf(found)} and ${keyOf(another)}; start it by { app, name }`,
      );
    }
    return found;
  }
}

function keyOf({ app, name }: TaskTypeRef): string {
  return `${app}/${name}`;
}
