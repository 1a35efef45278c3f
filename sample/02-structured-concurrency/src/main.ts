import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { runDemo } from './demo.js';
import { Reports } from './reports.js';
import { Site } from './site.js';

const port = Number(process.env['PORT'] ?? 3000);
// This machine only: there is nobody to say who may do what.
const host = process.env['BIND_ADDRESS'] ?? '127.0.0.1';

const app = await NestFactory.create(AppModule, {
  logger: ['fatal', 'error', 'warn'],
  // The module ends its own streams. This is for other connections: a client's spare ones, say.
  forceCloseConnections: true,
});
// Without it SIGTERM and Ctrl+C would end the process in the middle of a crawl.
app.enableShutdownHooks();

try {
  if (process.argv.includes('--demo')) {
    await app.init();
    await runDemo(app);
    // Nothing is left but the servers. There is no process.exit(): it ends when nothing holds it.
    await app.close();
  } else {
    await app.listen(port, host);
    printAddress(await app.getUrl());
  }
} catch (error) {
  const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  console.error(isTaken ? `Port ${port} is taken; choose another: PORT=${port + 1}` : error);
  process.exitCode = 1;
  await app.close();
}

function printAddress(url: string): void {
  const crawl = `${url}/stream/app/CrawlTask/mine`;
  console.log(`
  The crawler runs at      ${url}
  Its site of 60 pages at  ${app.get(Site).url}
  Its reports are in       ${app.get(Reports).directory}

  Crawl the site, and watch it: some pages are slow, some broken, and one never answers

    curl -X PUT ${crawl} && curl -N ${crawl}

  In another terminal: give up one page, or cancel it half-way, and see what the site has left

    curl -X POST ${crawl}/signals/skip -H 'Content-Type: application/json' -d '{"path":"/pages/37"}'
    curl -X DELETE ${crawl}
    curl ${url}/site

  All of that by itself:  node sample/02-structured-concurrency/dist/main.js --demo
`);
}
