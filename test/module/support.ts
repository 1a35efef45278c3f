import type { DynamicModule } from '@nestjs/common';
import { type ResolvedOptions, STREAMING_OPTIONS } from '../../lib/streaming.options.js';
import { createTaskApp } from '../support/app.js';

/** What an application with this module goes by. */
export async function optionsOf(streaming: DynamicModule): Promise<ResolvedOptions> {
  const { app } = await createTaskApp({ streaming, listen: false });
  return app.get<ResolvedOptions>(STREAMING_OPTIONS, { strict: false });
}
