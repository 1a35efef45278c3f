import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { CoordinatorService } from 'nestjs-streaming';
import { AppModule } from './app.module.js';
import { CountdownTask } from './countdown.task.js';
import { DataDirectory } from './data-directory.js';

const port = Number(process.env['PORT'] ?? 3000);
// This machine only: whoever reaches the sample can make it download any URL.
const host = process.env['BIND_ADDRESS'] ?? '127.0.0.1';

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  logger: ['fatal', 'error', 'warn'],
  // The module ends its own streams and tells every watcher. This is for other connections: a browser's spare ones,
  // or a download from this server that somebody still reads.
  forceCloseConnections: true,
});
// Without it SIGTERM and Ctrl+C would end the process in the middle of its tasks.
app.enableShutdownHooks();
app.useStaticAssets(join(import.meta.dirname, '..', 'public'));
// The page has no build step. The package has its client as one file, too.
const client = fileURLToPath(import.meta.resolve('nestjs-streaming/client/browser.js'));
app.use('/client.js', (_request: Request, response: Response) => response.sendFile(client));

try {
  await app.listen(port, host);
  // Tasks are started in code as well as over HTTP; this one is for the first `curl`.
  await app.get(CoordinatorService).start(CountdownTask, { seconds: 10 }, { id: 'hello' });
  printAddress(await app.getUrl());
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
  await app.close();
}

function printAddress(url: string): void {
  const hello = `${url}/stream/app/CountdownTask/hello`;
  console.log(`
  The quick start runs at  ${url}
  The dashboard is at      ${url}/dashboard
  Its files are in         ${app.get(DataDirectory).path}

  Without a browser: watch a countdown, let it go on when it waits half-way, or cancel it

    curl -N ${hello}
    curl -X POST ${hello}/signals/continue
    curl -X DELETE ${hello}

  Start one of your own

    curl -X PUT ${url}/stream/app/CountdownTask/mine && curl -N ${url}/stream/app/CountdownTask/mine
`);
}

function explain(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `Port ${port} is taken; choose another: PORT=${port + 1} npm start`;
  if (code === 'EACCES') return `Port ${port} needs more rights; choose another: PORT=3000 npm start`;
  if (code === 'ERR_SOCKET_BAD_PORT')
    return `PORT is "${process.env['PORT']}", which is no port; choose 0 to 65535`;
  return error;
}
