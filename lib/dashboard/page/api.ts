import { effect, signal } from '@preact/signals';

/** The page's own path, whatever prefix or proxy stands before it. */
const base = location.pathname.replace(/\/+$/, '');

export function urlOf(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const search = new URLSearchParams(given).toString();
  return `${base}/api/${path}${search && `?${search}`}`;
}

/** `gone`: the server is there, and what is read is not. */
export type Connection = 'connecting' | 'live' | 'offline' | 'refused' | 'gone';

/** Of the stream that is open. */
export const connection = signal<Connection>('connecting');

/** How long the server may be away before more is said of it, in milliseconds: most cuts are over by then. */
const SHORT_CUT = 1_500;
/** Whether the server has been away for longer than that. */
export const isAway = signal(false);
let awayTimer: number | undefined;

effect(() => {
  clearTimeout(awayTimer);
  if (connection.value !== 'offline') isAway.value = false;
  else awayTimer = setTimeout(() => (isAway.value = true), SHORT_CUT);
});

/** What the server is ahead of this machine, in milliseconds. */
export const clockAhead = signal(0);
/** By the server's clock, once a second. It stands still while nothing is heard: what is shown is of that time. */
export const now = signal(Date.now());
/** Whether the server has ever told anything. */
export const hasHeard = signal(false);

setInterval(() => {
  if (!document.hidden && connection.value === 'live') now.value = Date.now() + clockAhead.value;
}, 1_000);

export function tellTime(serverNow: number): void {
  clockAhead.value = serverNow - Date.now();
  now.value = serverNow;
  hasHeard.value = true;
}

export interface Issue {
  readonly message: string;
  readonly path: readonly (string | number)[];
}

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly issues: readonly Issue[] = [],
  ) {
    super(message);
  }
}

const ACTION = { 'content-type': 'application/json', 'x-streaming-dashboard': '1' };

/** @throws ApiError */
export async function get<Answer>(path: string): Promise<Answer> {
  return (
    await answerOf(() => fetch(urlOf(path), { headers: { accept: 'application/json' } }))
  ).json() as Promise<Answer>;
}

/** @throws ApiError */
export function post(path: string, body: object, abort?: AbortSignal): Promise<Response> {
  return answerOf(() =>
    fetch(urlOf(path), {
      method: 'POST',
      headers: ACTION,
      body: JSON.stringify(body),
      ...(abort && { signal: abort }),
    }),
  );
}

async function answerOf(ask: () => Promise<Response>): Promise<Response> {
  const response = await ask().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The server cannot be reached.');
  });
  if (response.ok) return response;
  const text = await response.text();
  let said: { message?: unknown; issues?: Issue[] } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // A proxy's page.
  }
  const message = Array.isArray(said.message) ? said.message.join(', ') : said.message;
  const isTold = typeof message === 'string' && !bare.includes(message);
  throw new ApiError(response.status, isTold ? message : messageOf(response.status), said.issues);
}

/** What Nest says where an application says nothing. */
const bare = ['Unauthorized', 'Forbidden', 'Forbidden resource'];

function messageOf(status: number): string {
  if (status === 401) return 'You are signed out.';
  return status === 403 ? 'This is not allowed.' : `The server answered ${status}.`;
}

type Handlers = Readonly<Record<string, (data: never) => void>>;

const MIN_PAUSE = 500;
/** The server says something every 15 s: longer silence is a connection that is gone, of a machine that slept. */
const MAX_SILENCE = 40_000;
const MAX_PAUSE = 10_000;

/**
 * Reads a stream until it is closed: after each cut it opens it again, first after half a second, then less and less often.
 *
 * @param url asked for before each try
 * @param probe what is asked for after a cut: it tells why
 * @param onLost called when an answer says that there is nothing to read
 */
export function openStream(
  url: () => string,
  probe: string,
  handlers: Handlers,
  onLost: (error: ApiError) => void,
): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let pause = MIN_PAUSE;
  let isClosed = false;
  let heardAt = Date.now();
  const open = (): void => {
    clearTimeout(timer);
    source?.close();
    const opened = new EventSource(url());
    source = opened;
    heardAt = Date.now();
    const all: Handlers = { ...handlers, beat: () => {} };
    for (const [type, handle] of Object.entries(all)) {
      opened.addEventListener(type, (event: MessageEvent<string>) => {
        heardAt = Date.now();
        pause = MIN_PAUSE;
        connection.value = 'live';
        handle(JSON.parse(event.data) as never);
      });
    }
    opened.addEventListener('error', () => void lost(opened));
  };
  const lost = async (opened: EventSource): Promise<void> => {
    if (opened !== source || isClosed) return;
    opened.close();
    const isAnswered = connection.value === 'refused' || connection.value === 'gone';
    if (!isAnswered) connection.value = 'offline';
    // An EventSource does not tell the status.
    const error = await get(probe).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (opened !== source || isClosed) return;
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
      connection.value = error.status === 404 ? 'gone' : 'refused';
      onLost(error);
    } else if (error) {
      connection.value = 'offline';
    }
    timer = setTimeout(open, pause);
    pause = Math.min(2 * pause, MAX_PAUSE);
  };
  const wake = (): void => {
    if (!document.hidden && (connection.value !== 'live' || Date.now() - heardAt > MAX_SILENCE)) open();
  };
  const listening = setInterval(() => {
    if (connection.value === 'live' && Date.now() - heardAt > MAX_SILENCE) wake();
  }, 5_000);
  addEventListener('online', wake);
  document.addEventListener('visibilitychange', wake);
  connection.value = 'connecting';
  open();
  return () => {
    isClosed = true;
    clearTimeout(timer);
    clearInterval(listening);
    source?.close();
    removeEventListener('online', wake);
    document.removeEventListener('visibilitychange', wake);
  };
}
