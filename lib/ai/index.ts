export type { UseTaskChatOptions } from './use-task-chat.js';
export * from './shared.js';
export { useTaskChat } from './use-task-chat.js';
