import { createStreamingClient, StreamingRequestError } from './client.js';

const type = { app: 'app', name: 'ImportTask' };

/** An instance that is killed is missed for a moment only. */
const streaming = createStreamingClient({ baseUrl: '/stream', retry: { max: 2_000 } });
const imports = streaming.task(type);

export const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];

/** An id is made here, so that starting can be repeated: a second PUT of an id starts nothing. */
export function startTask(input) {
  const id = Math.random().toString(36).slice(2, 8);
  return imports.start(input, { id });
}

export function cancelTask(id) {
  return imports.attach(id).cancel();
}

export async function listTasks() {
  const { items } = await streaming.list({ ...type, limit: 50 });
  return items;
}

/** Runs that share one connection. Each begins behind the last event that was seen of it. */
export function watchTasks(tasks) {
  return streaming.watch(tasks.map(({ id, after }) => ({ ...type, id, after })));
}

export function isGone(error) {
  return error instanceof StreamingRequestError && error.code === 'TASK_NOT_FOUND';
}

export async function instances() {
  const response = await fetch('/instances', { cache: 'no-store' });
  if (!response.ok) throw new Error(`The answer was ${response.status}`);
  return response.json();
}
