/** One instance of the application. `main.ts` starts three of them, as a platform would. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { AppModule } from './app.module.js';
import { instanceName } from './instance-name.js';

// An instance does not outlive the cluster, even when that is killed.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  logger: ['fatal', 'error', 'warn'],
  // The module ends its own streams. This is for other connections, such as a browser's spare ones.
  forceCloseConnections: true,
});
// SIGTERM hands the tasks that run here over to other instances, and sends their watchers there.
app.enableShutdownHooks();
app.useStaticAssets(join(import.meta.dirname, '..', 'public'));
// The page has no build step. The package has its client as one file, too.
const client = fileURLToPath(import.meta.resolve('nestjs-streaming/client/browser.js'));
app.use('/client.js', (_request: Request, response: Response) => response.sendFile(client));
try {
  await app.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1');
  process.send?.('ready');
} catch (error) {
  // Redis cannot be reached or used, say: the message tells which, and what is wrong.
  console.error(`  ${instanceName}: ${(error as Error).message}`);
  process.exitCode = 1;
  await app.close();
}
