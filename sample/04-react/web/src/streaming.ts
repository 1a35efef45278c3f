import { createStreamingClient } from 'nestjs-streaming/client';
// The declarations of the server, which its build has written. In a workspace: the name of its package.
import type { Tasks } from '../../dist/tasks.js';

/** One client for the whole page. What it starts, and what it is told, has the types of the server. */
export const streaming = createStreamingClient<Tasks>({ baseUrl: '/stream' });

export const answers = streaming.task('app', 'AnswerTask');
export const imports = streaming.task('app', 'ImportTask');
