import { describe, expect, test } from '@jest/globals';
import type { StreamingClient, TaskClient } from 'nestjs-streaming/client';
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { clientOf, hang, ScriptedServer } from '../../client/support.js';
import { page } from '../support/documents.js';
import { compileComponents, diagnoseComponents, ScratchFolder } from '../support/sources.js';

describe('the page on React', () => {
  const { blocks } = page('react');
  const components = blocks.filter(({ language }) => language === 'tsx');

  test('its components pass the compiler', () => {
    expect(diagnoseComponents(components)).toEqual([]);
  }, 120_000);

  test('its components render', async () => {
    using scratch = new ScratchFolder();
    const load = compileComponents(scratch, components);
    const client: StreamingClient = clientOf(await ScriptedServer.open(hang));
    const task: TaskClient = client.task('app', 'Task');
    async function render(file: string, name: string, props: object): Promise<string> {
      const module = await load<Record<string, FunctionComponent<object>>>(file);
      return renderToString(createElement(module[name]!, props)).replaceAll('<!-- -->', '');
    }
    expect(await render('transcode.react.tsx', 'Transcode', { id: 'one' })).toBe(
      '<p><progress value="0" max="100"></progress> idle<button>Stop</button></p>',
    );
    expect(await render('word-count.react.tsx', 'WordCount', { task, id: 'one' })).toBe('<p>0 words</p>');
    expect(await render('start.react.tsx', 'Start', { task })).toContain('<button>Start</button>');
    expect(await render('running.react.tsx', 'App', { streaming: client })).toBe('<ul></ul>Loading …<p></p>');
    expect(components.map(({ name }) => name)).toHaveLength(4);
  });
});
