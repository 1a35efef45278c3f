import { hasOwnInterceptors } from '../internals/nest-internals.js';

/** Of each controller, by the names of its methods. Decorators are applied before the first request. */
const known = new WeakMap<object, Map<string, boolean>>();

/** Whether a controller, or this route of it, has interceptors of its own. */
export function hasInterceptors(controller: object, method: string): boolean {
  const type = controller.constructor;
  let methods = known.get(type);
  if (!methods) known.set(type, (methods = new Map<string, boolean>()));
  let has = methods.get(method);
  if (has === undefined)
    methods.set(method, (has = [type, Reflect.get(controller, method) as object].some(hasOwnInterceptors)));
  return has;
}
