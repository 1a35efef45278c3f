'use client';

export { StreamingProvider, type StreamingProviderProps, useStreamingClient } from './streaming-provider.js';
export type { Cancellation, CancellationPhase, TaskView, UseTaskOptions } from './task-view.js';
export type { ListedTask, TasksView, UseTasksOptions } from './tasks-view.js';
export { type StartTask, useStartTask } from './use-start-task.js';
export { useTask } from './use-task.js';
export { useTasks } from './use-tasks.js';
