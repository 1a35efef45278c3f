const root = '/stream';
const type = 'app/ImportTask';

export const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];

/** An id is made here, so that starting can be repeated: a second PUT of an id starts nothing. */
export function startTask(input) {
  const id = Math.random().toString(36).slice(2, 8);
  return call('PUT', `${root}/${type}/${id}`, input);
}

export function cancelTask(id) {
  return call('DELETE', `${root}/${type}/${id}`);
}

export async function listTasks() {
  const { items } = await call('GET', `${root}?app=app&name=ImportTask&limit=50`);
  return items;
}

export function instances() {
  return call('GET', '/instances');
}

/** One stream for all these tasks, behind the last event that was seen of them. */
export function streamOf(ids, lastEventId) {
  const query = ids.map((id) => `task=${encodeURIComponent(`${type}/${id}`)}`);
  if (lastEventId !== '') query.push(`lastEventId=${encodeURIComponent(lastEventId)}`);
  return new EventSource(`${root}/events?${query.join('&')}`);
}

async function call(method, url, body) {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(url, { method, cache: 'no-store', ...json });
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  const answer = isJson && text !== '' ? JSON.parse(text) : undefined;
  if (response.ok) return answer;
  throw new Error(answer?.message ?? `The answer was ${response.status}`);
}
