/** What loads neither React nor the AI SDK. */
export { type RunStorage } from './run-pointers.js';
export { type AnsweringTask, type ChatEvents, sendUIMessageStream } from './send-ui-message-stream.js';
export { type ChatInput, type TaskChatOptions, TaskChatTransport } from './task-chat-transport.js';
