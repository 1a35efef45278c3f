/** Where Nest keeps what `@UseInterceptors()` was given. */
const metadata = '__interceptors__';

/** Whether a controller, or this route of it, has interceptors of its own. */
export function hasInterceptors(controller: object, method: string): boolean {
  const targets = [controller.constructor, Reflect.get(controller, method) as object];
  return targets.some((target) => {
    const interceptors = Reflect.getMetadata(metadata, target) as readonly unknown[] | undefined;
    return interceptors !== undefined && interceptors.length > 0;
  });
}
