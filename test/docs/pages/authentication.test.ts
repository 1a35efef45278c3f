import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

describe('the page on authentication', () => {
  const examples = new Examples(page('authentication'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('an authorizer, a guard and owners', async () => {
    const { ReportsModule } = await load<{ ReportsModule: Type }>('authorized.module.ts');
    const origin = await listenTo(ReportsModule);
    const url = `${origin}/stream/reports/ReportTask/november`;
    const as = (user: string, method = 'GET'): RequestInit => ({
      method,
      headers: { 'x-user': user, 'content-type': 'application/json' },
      ...(method === 'PUT' && { body: '{"month":"2026-11"}' }),
    });
    expect((await fetch(url, { method: 'PUT' })).status).toBe(401);
    expect((await fetch(url, as('ann', 'PUT'))).status).toBe(201);
    expect((await fetch(url, as('bob', 'PUT'))).status).toBe(404);
    expect((await fetch(url, as('bob', 'DELETE'))).status).toBe(404);
    expect(await (await fetch(`${url}/status`, as('ann'))).json()).toMatchObject({ owner: 'ann' });
    const ofBob = await (await fetch(`${origin}/stream`, as('bob'))).json();
    expect(ofBob).toEqual({ items: [], nextCursor: null });
    const ofAnn = await (await fetch(`${origin}/stream`, as('ann'))).json();
    expect(ofAnn).toMatchObject({ items: [{ id: 'november' }], nextCursor: null });
  });
});
