import { beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { QuickStart } from '../../sample/quick-start.js';
import { deferred, patience, withTimeout } from '../../support/wait.js';

describe('the quick start', () => {
  let app: QuickStart;

  beforeAll(async () => {
    app = await QuickStart.share();
  });

  test('serves its page, which loads nothing from elsewhere', async () => {
    const page = await fetch(app.url);
    const html = await page.text();
    expect(page.status).toBe(200);
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link).not.toMatch(/^(?:[a-z]+:)?\/\//);
      expect((await fetch(`${app.url}/${link}`)).status).toBe(200);
    }
  });

  test('serves the client as one file, as the page on the client says', async () => {
    const answer = await fetch(`${app.url}/client.js`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/javascript/);
    const script = await answer.text();
    expect(script).toContain('createStreamingClient');
    // What `shareTabs` needs is loaded for that alone.
    expect(script.match(/\bimport\b[^)]*\)/g)).toEqual(['import("./share/share-tabs.js")']);
  });

  test('offers downloads that it serves itself, and files to count', async () => {
    const { body } = await app.request<{ downloads: { url: string }[]; files: string[] }>('GET', '/demo');
    expect(body.downloads.every(({ url }) => url.startsWith(app.url))).toBe(true);
    expect(body.files).toEqual(expect.arrayContaining(['corpus.txt', 'corpus.txt.gz']));
  });

  test('streams to curl with the line that it prints', async () => {
    const [, line = ''] = /^\s*curl -N (\S+)$/m.exec(app.output) ?? [];
    expect(line).toContain(app.url);
    const curl = spawn('curl', ['-sN', line], { stdio: ['ignore', 'pipe', 'ignore'] });
    const heard = deferred();
    curl.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        process.stderr.write('Skipped: there is no curl\n');
        heard.resolve();
      } else heard.reject(error);
    });
    let text = '';
    curl.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('event: progress')) heard.resolve();
    });
    try {
      await withTimeout(heard.promise, patience, () => `progress for curl, which got ${text}`);
    } finally {
      curl.kill();
    }
  });

  describe('CountdownTask', () => {
    test('waits half-way until somebody says continue', async () => {
      const path = await app.task('CountdownTask', { seconds: 2 });
      await using stream = await app.watch(path);
      expect((await stream.next('progress')).data).toEqual({ percent: 0, message: '2 …' });
      expect((await stream.next('progress')).data).toMatchObject({ percent: 50, waitingFor: 'continue' });
      await expect(stream.next(undefined, 100)).rejects.toThrow('Not within 100 ms');
      expect((await app.request('POST', `${path}/signals/continue`)).status).toBe(202);
      expect((await stream.next('progress')).data).toEqual({ percent: 50, message: '1 …' });
      expect((await stream.next('completed')).data).toEqual({ finalValue: { counted: 2 } });
    });

    test('is cancelled while it waits', async () => {
      const path = await app.task('CountdownTask', { seconds: 2 });
      await using stream = await app.watch(path);
      await stream.next(({ data }) => (data as { waitingFor?: string }).waitingFor === 'continue');
      await app.request('DELETE', path);
      expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'external_cancellation' });
    });

    test.each([1, 3_601, 2.5, '10'])('refuses %j seconds', async (seconds) => {
      const { status } = await app.request('POST', '/stream/app/CountdownTask', { seconds });
      expect(status).toBe(400);
    });
  });
});
