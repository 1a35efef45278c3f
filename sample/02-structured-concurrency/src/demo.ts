import type { INestApplicationContext } from '@nestjs/common';
import { CoordinatorService, type TaskEvent } from 'nestjs-streaming';
import { filter, firstValueFrom } from 'rxjs';
import { CrawlTask } from './crawl.task.js';
import { Site } from './site.js';

/** Pages of the site that are read before it is cancelled: half of them. */
const halfWay = 30;

/** Starts a crawl, watches it, cancels it half-way, and looks for what is left. */
export async function runDemo(app: INestApplicationContext): Promise<void> {
  const site = app.get(Site);
  const input = { concurrency: 5, pageTimeout: 2_000, attempts: 3 };
  const before = whatHolds();
  const crawl = await app.get(CoordinatorService).start(CrawlTask, input, { id: 'demo' });
  crawl.events().subscribe((event) => console.log(lineOf(event)));
  await firstValueFrom(crawl.events().pipe(filter(isHalfWay)));

  const { connections, requests } = site.status;
  console.log(
    `\n  Half-way. The site has ${connections} connections and ${requests} requests. Cancelling …\n`,
  );
  const began = performance.now();
  await crawl.cancel({ detail: 'half is enough', wait: 'settled' });
  const took = Math.round(performance.now() - began);

  // The other end learns of a closed connection a moment later.
  for (const end = began + 500; site.status.connections > 0 && performance.now() < end;) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const after = whatHolds();
  console.log(`
  ${crawl.status} after ${took} ms. What is left:
    connections that the site has open    ${site.status.connections}
    requests that it still answers        ${site.status.requests}
    sockets in this process               ${after.sockets - before.sockets}
    timers in this process                ${after.timers - before.timers}
`);
}

function isHalfWay({ type, data }: TaskEvent): boolean {
  return type === 'progress' && (data as { done: number }).done >= halfWay;
}

function lineOf({ type, data }: TaskEvent): string {
  return `  ${type.padEnd(10)} ${JSON.stringify(data)}`;
}

/** What keeps this process from ending. */
function whatHolds(): { sockets: number; timers: number } {
  const held = process.getActiveResourcesInfo();
  const count = (type: string): number => held.filter((other) => other === type).length;
  return { sockets: count('TCPSocketWrap'), timers: count('Timeout') };
}
