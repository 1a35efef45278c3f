import { type LazyModuleLoader, ModuleRef, type ModulesContainer } from '@nestjs/core';
import type { Module } from './find-task-types.js';

/**
 * Calls back when a module was loaded lazily, with it and all that it imports, before `load()` gives it to its caller.
 *
 * Nest runs no hook in such a module and gives no notice of it, so `load()` of the application's one loader is wrapped. We
 * could also look for new modules when a task type is missed. But then a name that is taken and a wrong option would show too
 * late. Here they fail the `load()` that brought them, as they fail the start of the application otherwise.
 */
export function onModuleLoaded(
  loader: LazyModuleLoader,
  modules: ModulesContainer,
  callback: (loaded: readonly Module[]) => Promise<void>,
): void {
  const load = loader.load.bind(loader);
  loader.load = async (...given) => {
    const moduleRef = await load(...given);
    const target = [...modules.values()].find((module) => moduleRefOf(module) === moduleRef);
    if (target) await callback(withImports(target));
    return moduleRef;
  };
}

function moduleRefOf(module: Module): ModuleRef {
  return module.getProviderByKey<ModuleRef>(ModuleRef).instance;
}

function withImports(module: Module): readonly Module[] {
  const reached = new Set([module]);
  for (const each of reached) for (const imported of each.imports) reached.add(imported);
  return [...reached];
}
