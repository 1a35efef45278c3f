import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';

const port = Number(process.env['PORT'] ?? 3000);
// This machine only: anybody who reaches the sample may upload files.
const host = process.env['BIND_ADDRESS'] ?? '127.0.0.1';

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  logger: ['fatal', 'error', 'warn'],
  // The module ends its own streams. This is for other connections: a browser's spare ones, say.
  forceCloseConnections: true,
});
// Without it SIGTERM and Ctrl+C would end the process in the middle of its tasks.
app.enableShutdownHooks();
app.useStaticAssets(join(import.meta.dirname, '..', 'web', 'dist'));

try {
  await app.listen(port, host);
  console.log(`\n  The page on React runs at  ${await app.getUrl()}\n`);
} catch (error) {
  const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  console.error(isTaken ? `Port ${port} is taken; choose another: PORT=${port + 1}` : error);
  process.exitCode = 1;
  await app.close();
}
