import type { ModulesContainer } from '@nestjs/core';
import type { InstanceWrapper, Module } from './find-task-types.js';

/**
 * A provider and all that it injects, directly or not.
 *
 * Nest 11 keeps no list of what a provider injects that is made for each request, so this reads what the decorators left.
 * A token that the provider's module does not have itself stands for every provider of that token: rather one too many
 * than one too few.
 */
export function injectedProviders(wrapper: InstanceWrapper, modules: ModulesContainer): Set<InstanceWrapper> {
  const reached = new Set([wrapper]);
  for (const dependent of reached) {
    for (const token of tokensOf(dependent)) {
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

/** What the constructor and the properties of a class name, or the list of a factory or an alias. */
function tokensOf({ inject, metatype }: InstanceWrapper): unknown[] {
  if (inject) return inject.map(readToken);
  if (typeof metatype !== 'function') return [];
  const types = readList<unknown>('design:paramtypes', metatype);
  const named = readList<{ index: number; param: unknown }>('self:paramtypes', metatype);
  const properties = readList<{ type: unknown }>('self:properties_metadata', metatype);
  return [...types, ...named.map(({ param }) => param), ...properties.map(({ type }) => type)].map(readToken);
}

function readList<T>(key: string, type: object): readonly T[] {
  return (Reflect.getMetadata(key, type) ?? []) as readonly T[];
}

/** `forwardRef(() => token)`, and `{ token, optional }` of a factory. */
function readToken(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const { forwardRef, token } = given as { forwardRef?: () => unknown; token?: unknown };
  return typeof forwardRef === 'function' ? forwardRef() : (token ?? given);
}
