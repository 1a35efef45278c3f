/** Where Nest keeps what `@UseInterceptors()` was given. */
const metadata = '__interceptors__';

/** Of each controller, by the names of its methods. Decorators are applied before the first request. */
const known = new WeakMap<object, Map<string, boolean>>();

/** Whether a controller, or this route of it, has interceptors of its own. */
export function hasInterceptors(controller: object, method: string): boolean {
  const type = controller.constructor;
  let methods = known.get(type);
  if (!methods) known.set(type, (methods = new Map<string, boolean>()));
  let has = methods.get(method);
  if (has === undefined) methods.set(method, (has = findInterceptors(controller, method)));
  return has;
}

function findInterceptors(controller: object, method: string): boolean {
  const targets = [controller.constructor, Reflect.get(controller, method) as object];
  return targets.some((target) => {
    const interceptors = Reflect.getMetadata(metadata, target) as readonly unknown[] | undefined;
    return interceptors !== undefined && interceptors.length > 0;
  });
}
