import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as hooks from 'nestjs-streaming/react';
import { InstalledPackage } from '../support/programs/installed.js';

let installed: InstalledPackage;
beforeAll(() => {
  installed = new InstalledPackage(
    ['client', 'react'],
    ['eventsource-parser', 'react', 'react-dom', 'scheduler'],
  );
});
afterAll(() => installed[Symbol.dispose]());

it('has the hooks and the provider', () => {
  expect(Object.keys(hooks).toSorted()).toEqual([
    'StreamingProvider',
    'useStartTask',
    'useStreamingClient',
    'useTask',
    'useTasks',
  ]);
});

it('works in a plain script, with nothing of Nest, RxJS or this server installed', async () => {
  const { stdout, stderr } = await installed.run(`
    import { createElement } from 'react';
    import { renderToString } from 'react-dom/server';
    import { createStreamingClient } from 'nestjs-streaming/client';
    import { useTask } from 'nestjs-streaming/react';
    const task = createStreamingClient({ baseUrl: 'http://127.0.0.1/stream' }).task('app', 'Task');
    console.log(renderToString(createElement(() => useTask(task, 'one').connection)));
  `);
  expect(stderr).toBe('');
  expect(stdout).toBe('idle\n');
});
