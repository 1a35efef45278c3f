import { createStreamingClient, StreamingRequestError } from './client.js';

/** The name that the tasks' module gives them. */
const app = 'app';

/** After a restart the server is found again soon. */
const streaming = createStreamingClient({ baseUrl: '/stream', retry: { max: 2_000 } });

export const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];

export function startTask(name, input) {
  return streaming.task(app, name).start(input);
}

/** A task that was started before, or by somebody else. */
export function attachTo({ name, id }) {
  return streaming.task(app, name).attach(id);
}

export async function listTasks() {
  const { items } = await streaming.list({ app, limit: 50 });
  return items;
}

export async function demoInfo() {
  const response = await fetch('/demo', { cache: 'no-store' });
  if (!response.ok) throw new Error(`The server answered ${response.status}`);
  return response.json();
}

export function isGone(error) {
  return error instanceof StreamingRequestError && error.code === 'TASK_NOT_FOUND';
}

/** What a person is told of an error. */
export function explain(error) {
  if (!(error instanceof StreamingRequestError)) return 'The server is not there.';
  return error.issues?.[0]?.message ?? error.message;
}
