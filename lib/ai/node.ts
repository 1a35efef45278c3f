/**
 * What Node loads for `nestjs-streaming/ai`: the same names, but a server that only sends answers loads no React. What is loaded
 * for a page, or by any bundler, is `index.ts`: there it is the bundler that leaves out what is not used. `exports` in package.json
 * decides, by the conditions `browser` and `module`.
 */
import { createRequire } from 'node:module';
import type * as hook from './use-task-chat.js';

export * from './shared.js';
export type { UseTaskChatOptions } from './use-task-chat.js';

/** Pages are rendered on servers too: then the hook's module is loaded with its first call. */
export const useTaskChat: typeof hook.useTaskChat = (task, options) => {
  const { useTaskChat: load } = createRequire(import.meta.url)('./use-task-chat.js') as typeof hook;
  return load(task, options);
};
