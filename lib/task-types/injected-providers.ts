import type { ModulesContainer } from '@nestjs/core';
import { injectedTokensOf, type InstanceWrapper, type Module } from '../internals/nest-internals.js';

/**
 * A provider and all that it injects, directly or not. A token that its module does not have itself stands for every provider
 * of that token: rather one too many than one too few.
 */
export function injectedProviders(wrapper: InstanceWrapper, modules: ModulesContainer): Set<InstanceWrapper> {
  const reached = new Set([wrapper]);
  for (const dependent of reached) {
    for (const token of injectedTokensOf(dependent)) {
      for (const dependency of providersOf(token, dependent.host, modules)) reached.add(dependency);
    }
  }
  return reached;
}

function providersOf(
  token: unknown,
  host: Module | undefined,
  modules: ModulesContainer,
): readonly InstanceWrapper[] {
  const find = (module: Module): InstanceWrapper[] => {
    const found = module.providers.get(token as InstanceWrapper['token']);
    return found ? [found] : [];
  };
  const own = host ? find(host) : [];
  return own.length > 0 ? own : [...modules.values()].flatMap(find);
}
