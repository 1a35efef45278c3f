import { expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import type { TaskContext } from 'nestjs-streaming';
import { handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { Instances } from './support/instances.js';

describeWithRedis('globalConcurrency', [], (server) => {
  it.each([false, true])('holds for all instances together, loaded lazily: %s', async (isLazy) => {
    let [running, most] = [0, 0];
    const type = handlerTask(
      async (task: TaskContext) => {
        most = Math.max(most, ++running);
        await task.sleep(20);
        running--;
      },
      { app: 'test', globalConcurrency: 2 },
    );
    @Module({ providers: [type] })
    class LateModule {}

    const instances = new Instances(server, isLazy ? [] : [type]);
    const apps = await Promise.all([1, 2, 3].map(() => instances.start()));
    if (isLazy) for (const { app } of apps) await app.get(LazyModuleLoader).load(() => LateModule);
    const handles = await Promise.all(
      Array.from({ length: 30 }, (_item, n) => apps[n % 3]!.coordinator.start(type, {})),
    );
    await Promise.all(handles.map(({ result }) => result));
    expect(most).toBe(2);
  });
});
