/** 200 cuts of a stream of 10 000 events, each behind a byte that nobody chose: every event comes once and in order. */
import { afterAll, expect, it } from '@jest/globals';
import { CuttingProxy } from '../support/real-clients/cutting-proxy.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { createTaskApp, PuppetTask, range, type TaskApp } from '../support/watching.js';
import { ClientController } from './client-controller.js';
import { clientOf, readAll } from './support.js';

const EVENTS = 10_000;
const CUTS = 200;

/** A task that has sent all its events, behind a proxy that cuts each answer at random, 200 times. */
async function play(): Promise<{ app: TaskApp; url: string; name: string; id: string; cuts: () => number }> {
  const task = new PuppetTask();
  const app = await createTaskApp({
    tasks: [task.type],
    controllers: [ClientController],
    forceCloseConnections: true,
    options: { http: { retry: 1 }, replay: { events: EVENTS + 10 } },
  });
  const puppet = await task.start(app);
  puppet.count(EVENTS);
  await puppet.end();
  let cuts = 0;
  const bytes = EVENTS * 50;
  const proxy = await CuttingProxy.open(app.port, (path) => {
    if (!path.startsWith('/stream/') || cuts >= CUTS) return {};
    cuts += 1;
    // Some are cut within the head.
    return {
      cutAfter: Math.floor((Math.random() * 1.6 * bytes) / CUTS),
      how: Math.random() < 0.5 ? 'reset' : 'fin',
    };
  });
  return { app, url: `${proxy.origin}/stream`, name: task.name, id: puppet.id, cuts: () => cuts };
}

const whole = range(1, EVENTS + 2);

it('in Node', async () => {
  const { url, name, id, cuts } = await play();
  const events = await readAll(clientOf({ url }).task('test', name).attach(id));
  expect(events.map((event) => Number(event.id.split('-')[1]))).toEqual(whole);
  expect(cuts()).toBe(CUTS);
}, 120_000);

describeWithChromium('in Chromium', (executablePath) => {
  const browser = launchChromium(executablePath);
  afterAll(async () => (await browser).close());

  it('each event comes once and in order', async () => {
    const { url, name, id, cuts } = await play();
    const page = await (await browser).newPage();
    await page.goto(new URL('/client/page', url).href);
    const seqs = await page.evaluate(
      async ([task, one]) => {
        const module = '/client/lib/index.js';
        const { createStreamingClient } = (await import(module)) as typeof import('nestjs-streaming/client');
        const run = createStreamingClient({ baseUrl: '/stream', retry: { min: 5, max: 20 } })
          .task('test', task)
          .attach(one);
        const found: number[] = [];
        for await (const event of run) found.push(Number(event.id.split('-')[1]));
        return found;
      },
      [name, id] as const,
    );
    expect(seqs).toEqual(whole);
    expect(cuts()).toBe(CUTS);
  }, 120_000);
});
