import type { Progress, TaskContext } from 'nestjs-streaming';

/** Faster than that nobody sees it, and a task's log keeps only so many events. */
const interval = 100;

/** Sends the task's progress, but no more often than ten times a second. */
export function throttledProgress(task: TaskContext): (make: () => Progress) => void {
  let next = 0;
  return (make) => {
    const now = performance.now();
    if (now < next) return;
    next = now + interval;
    void task.progress(make());
  };
}

/** Never 100: that is the completed task. */
export function percentOf(done: number, total: number): number {
  return Math.min(99.9, Math.floor((done / total) * 1_000) / 10);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
