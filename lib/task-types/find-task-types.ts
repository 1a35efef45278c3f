import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { InstanceWrapper } from '../internals/nest-internals.js';
import { STREAM_TASK_METADATA } from '../task/stream-task.decorator.js';
import type { StreamTaskOptions } from '../task/options/task-options.js';
import type { TaskTypeRef } from '../task/task-ref.js';

/** A task type as its decorator describes it. Nothing is checked yet. */
export interface FoundTaskType extends TaskTypeRef {
  readonly options: StreamTaskOptions;
}

/** Every decorated provider of the application. The application need not have started. */
export function findTaskTypes(discovery: DiscoveryService): FoundTaskType[] {
  return discovery.getProviders().flatMap((wrapper) => {
    const classRef = wrapper.isAlias ? undefined : decoratedClassOf(wrapper);
    if (!classRef) return [];
    const options = Reflect.getMetadata(STREAM_TASK_METADATA, classRef) as StreamTaskOptions;
    const { app = appNameOf(wrapper), name = classRef.name } = options;
    return [{ app, name, options }];
  });
}

/** The class with the decorator: of the instance, or else what it is provided as, so that a stand-in is still the task type. */
export function decoratedClassOf(wrapper: InstanceWrapper): Type | undefined {
  const instance: unknown = wrapper.instance;
  const own: unknown = typeof instance === 'object' && instance !== null ? instance.constructor : undefined;
  return [own, wrapper.metatype, wrapper.token].find(
    (candidate): candidate is Type =>
      typeof candidate === 'function' && Reflect.hasMetadata(STREAM_TASK_METADATA, candidate),
  );
}

/** `VideoToolsModule` is `video-tools`. */
export function appNameOf(wrapper: InstanceWrapper): string {
  return (wrapper.host?.name ?? '')
    .replace(/Module$/, '')
    .replaceAll(/([a-z0-9])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$2-')
    .toLowerCase();
}
