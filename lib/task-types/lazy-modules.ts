import type { LazyModuleLoader, ModulesContainer } from '@nestjs/core';
import { type Module, moduleRefOf, onLazyLoad } from '../internals/nest-internals.js';

/**
 * Calls back when a module was loaded lazily, with it and all that it imports, before `load()` gives it to its caller.
 *
 * Nest runs no hook in such a module. We could also look for new modules when a task type is missed. But then a name that is
 * taken and a wrong option would show too late. Here they fail the `load()` that brought them, as they fail the start of the
 * application otherwise.
 */
export function onModuleLoaded(
  loader: LazyModuleLoader,
  modules: ModulesContainer,
  callback: (loaded: readonly Module[]) => Promise<void>,
): void {
  onLazyLoad(loader, async (loaded) => {
    const target = [...modules.values()].find((module) => moduleRefOf(module) === loaded);
    if (target) await callback(withImports(target));
  });
}

function withImports(module: Module): readonly Module[] {
  const reached = new Set([module]);
  for (const each of reached) for (const imported of each.imports) reached.add(imported);
  return [...reached];
}
