import type { Type } from '@nestjs/common';
import { ContextIdFactory } from '@nestjs/core';
import {
  type InstanceWrapper,
  type Module,
  moduleRefOf,
  releaseSettlement,
} from '../internals/nest-internals.js';
import { InvalidTaskTypeError } from '../task/errors.js';
import type { TaskHandler } from '../task/task-handler.interface.js';

/**
 * Makes a handler for each try, in the module that provides the class, as Nest makes a controller for each request: a strategy
 * given to `ContextIdFactory.apply()` is asked, so that durable providers are shared as it says.
 */
export function handlerResolver(
  wrapper: InstanceWrapper,
  classRef: Type,
  injected: Iterable<InstanceWrapper>,
): (request: object) => Promise<TaskHandler> {
  return async (request) => {
    const moduleRef = moduleRefOf(wrapper.host as Module);
    const contextId = ContextIdFactory.getByRequest(request);
    const payload: unknown = contextId.payload;
    moduleRef.registerRequestByContextId(
      wrapper.isDependencyTreeDurable() ? payload : withPayload(request, payload),
      contextId,
    );
    let handler: unknown;
    try {
      handler = await moduleRef.resolve(wrapper.token as Type, contextId);
    } finally {
      for (const provider of injected) releaseSettlement(provider);
    }
    if (!isHandler(handler))
      throw new InvalidTaskTypeError(`The provider of ${classRef.name} made no handler`);
    return handler;
  };
}

export function isHandler(value: unknown): value is TaskHandler {
  return typeof (value as TaskHandler | null | undefined)?.process === 'function';
}

/** Nest puts the payload of a strategy on the request. What the context has itself stays. */
function withPayload(request: object, payload: unknown): object {
  for (const [key, value] of Object.entries((payload ?? {}) as Record<string, unknown>)) {
    if (!(key in request)) Object.assign(request, { [key]: value });
  }
  return request;
}
