import { expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import type { TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';

it('a context that is logged, sent or copied shows what is the handler’s, and nothing of its run', async () => {
  const input = { month: '2026-11' };
  const shown = { attempt: 1, input };
  const { handle, events } = await startTask(
    async (task: TaskContext) => {
      void task.signal;
      await task.sendEvent('context', task);
      return {
        keys: Object.keys(task),
        json: JSON.stringify(task),
        copy: structuredClone(task) as unknown as typeof shown,
        isShort: inspect(task).length < 200,
      };
    },
    { input },
  );
  expect(await handle.result).toEqual({
    keys: ['attempt', 'input'],
    json: JSON.stringify(shown),
    copy: shown,
    isShort: true,
  });
  expect(events.events.find(({ type }) => type === 'context')?.data).toEqual(shown);
});
