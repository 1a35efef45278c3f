import type { OnModuleDestroy } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { instancesOf, type InstanceWrapper, isSingle } from '../internals/nest-internals.js';
import { injectedProviders } from './injected-providers.js';

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
