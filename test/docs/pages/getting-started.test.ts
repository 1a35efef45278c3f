import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { runInNewContext } from 'node:vm';
import { openStream } from '../../support/clients/sse.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

interface Images {
  remove(image: string): Promise<void>;
}

describe('the page on getting started', () => {
  const guide = page('getting-started');
  const examples = new Examples(guide);
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  async function create(origin: string, images: string[]): Promise<{ stream: string }> {
    const response = await fetch(`${origin}/thumbnails`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ images }),
    });
    return (await response.json()) as { stream: string };
  }

  test('a task is started by its route, watched, and cancelled by the page', async () => {
    const { AppModule } = await load<{ AppModule: Type }>('thumbnails/app.module.ts');
    await load('thumbnails/thumbnails.module.ts');
    const { Images } = await load<{ Images: Type<Images> }>('thumbnails/thumbnails.task.ts');
    const removed: string[] = [];
    (Images.prototype as Images).remove = async (image) => void removed.push(image);
    const origin = await listenTo(AppModule);

    const done = await create(origin, ['a.png']);
    expect(done).toMatchObject({ stream: expect.stringMatching(/^\/stream\/thumbnails\/ThumbnailsTask\//) });
    const stream = await openStream(origin + done.stream);
    expect(await stream.next('completed')).toMatchObject({ data: { finalValue: { made: ['small-a.png'] } } });
    await stream.ended;
    expect(removed).toEqual([]);

    const refused = await fetch(`${origin}/thumbnails`, { method: 'POST' });
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'INVALID_INPUT' }]);

    const long = await create(origin, ['a.png', 'b.png', 'c.png', 'd.png']);
    const watched = await openStream(origin + long.stream);
    await watched.next('thumbnail');
    const cancel = runInNewContext(`${guide.block('js', 'cancel').text}\ncancel`, {
      fetch: (path: string, init: RequestInit) => fetch(origin + path, init),
    }) as (path: string) => Promise<string>;
    expect(await cancel(long.stream)).toBe('cancelling');
    expect(await watched.next('cancelled')).toMatchObject({ data: { detail: 'not needed' } });
    await watched.ended;
    expect(removed).toContain('small-a.png');
    expect(await cancel(long.stream)).toBe('It can no longer be cancelled');
  });
});
