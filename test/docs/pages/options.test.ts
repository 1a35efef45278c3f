import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

describe('the page on options', () => {
  const examples = new Examples(page('options'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('options of a factory', async () => {
    const { AsyncModule } = await load<{ AsyncModule: Type }>('async.module.ts');
    const origin = await listenTo(AsyncModule);
    const created = await fetch(`${origin}/tasks/async/ReportTask/x`, { method: 'PUT' });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/tasks/async/ReportTask/x');
  });
});
