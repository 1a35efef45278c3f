/** The routes of the module; `app` is the name that the tasks' module gives them. */
const root = '/stream';
const app = 'app';

export const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];

/** Those of the module, then those that the tasks here send themselves. */
export const eventTypes = [
  'started',
  'progress',
  'retrying',
  'cancelling',
  'gap',
  ...terminalTypes,
  'headers',
  'corpus',
];

/** An answer that is an error, with its status. */
export class AnswerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function urlOf({ name, id }) {
  return `${root}/${app}/${encodeURIComponent(name)}/${encodeURIComponent(id)}`;
}

export function startTask(name, input) {
  return call('POST', `${root}/${app}/${encodeURIComponent(name)}`, input);
}

export function cancelTask(task) {
  return call('DELETE', urlOf(task));
}

export function sendSignal(task, signal) {
  return call('POST', `${urlOf(task)}/signals/${encodeURIComponent(signal)}`);
}

/** The snapshot; `undefined` for a task that the server does not know. */
export async function statusOf(task) {
  try {
    return await call('GET', `${urlOf(task)}/status`);
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

export async function listTasks() {
  const { items } = await call('GET', `${root}?app=${app}&limit=50`);
  return items;
}

export function demoInfo() {
  return call('GET', '/demo');
}

async function call(method, url, body) {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(url, { method, cache: 'no-store', ...json });
  const text = await response.text();
  const answer = isJson(response) && text !== '' ? JSON.parse(text) : undefined;
  if (response.ok) return answer;
  const [issue] = answer?.issues ?? [];
  throw new AnswerError(
    response.status,
    issue?.message ?? answer?.message ?? `The server answered ${response.status}`,
  );
}

function isJson(response) {
  return (response.headers.get('content-type') ?? '').startsWith('application/json');
}
