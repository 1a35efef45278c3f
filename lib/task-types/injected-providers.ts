import type { OnModuleDestroy } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import {
  injectedTokensOf,
  instancesOf,
  type InstanceWrapper,
  isSingle,
  type Module,
} from '../internals/nest-internals.js';

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

/**
 * Instances whose destruction takes something away from the handlers of a task type, so that its tasks must be over
 * before: the handler itself; what it injects, directly or not, and has a hook for its end; and the modules of these, which
 * may close what they provide. Nest 11 runs the hooks of one module side by side, so each of them has to wait.
 *
 * A handler that is made for each try is no instance that Nest destroys: the module that provides it stands for it.
 */
export function shutdownHostsOf(wrapper: InstanceWrapper, modules: ModulesContainer): Set<object> {
  const hosts = new Set<object>(isSingle(wrapper) ? [wrapper.instance as object] : moduleInstanceOf(wrapper));
  for (const reached of injectedProviders(wrapper, modules)) {
    const candidates = [...instancesOf(reached), ...moduleInstanceOf(reached)];
    for (const candidate of candidates) if (hasDestroyHook(candidate)) hosts.add(candidate);
  }
  return hosts;
}

function moduleInstanceOf({ host }: InstanceWrapper): readonly object[] {
  return host?.instance ? [host.instance] : [];
}

function hasDestroyHook(instance: unknown): instance is OnModuleDestroy {
  return typeof (instance as Partial<OnModuleDestroy> | null | undefined)?.onModuleDestroy === 'function';
}
