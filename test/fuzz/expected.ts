/** What the wire format says of a request: written from its documentation, and from nothing of lib/. */
import { parse } from 'node:querystring';
import { encodeRequest, type FuzzRequest, manyTasks, tasks, typeNames } from './requests.js';

/** One thing a request may be answered with. */
export type Expected =
  /** Not by a route of the module's: an error of the framework's, or what it does for `OPTIONS`. */
  | { readonly kind: 'framework' }
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  | { readonly kind: 'json'; readonly statuses: readonly number[] }
  | { readonly kind: 'empty'; readonly status: number }
  /** A stream; with what it brings where that ends: seqs, and `gap`. */
  | { readonly kind: 'stream'; readonly outline?: readonly (number | 'gap')[] };

/** The ids of the newest events of the tasks that a request can speak of. */
export interface Positions {
  readonly live: string;
  readonly done: string;
}

/** The log of `done`: this many events, of which the last ones are kept. */
const doneLog = { first: 5, last: 8 };

const framework: Expected = { kind: 'framework' };
const invalidId = error(400, 'INVALID_TASK_ID');
const notFound = error(404, 'TASK_NOT_FOUND');
const invalidQuery = error(400, 'INVALID_QUERY');
const ended = error(409, 'TASK_ENDED');

function error(status: number, code: string): Expected {
  return { kind: 'error', status, code };
}

/**
 * All that a request may be answered with; mostly one thing.
 *
 * @param started the keys of tasks that requests before have started: they may be kept or not
 */
export function expectedOf(
  request: FuzzRequest,
  positions: Positions,
  started: ReadonlySet<string>,
): Expected[] {
  const { method, segments, body } = request;
  const route = routeOf(method, segments);
  if (!route) return [framework];
  const values = segments.map(decode);
  if (values.includes(undefined)) return [framework];
  const [app = '', name = '', id, , signal = ''] = values as string[];
  const mayBeThere = started.has(keyOf(request));
  const ours =
    route === 'watchAll'
      ? watchAllAnswers(request, positions, started)
      : answersOf(request, route, { app, name, id }, { signal, positions, mayBeThere });
  const isTooLong = segments.some(({ length }) => length > 100);
  const isOdd = segments.length > 3 && segments[3] !== values[3];
  const isPlain = body === undefined ? headerOf(request, 'content-type') === undefined : isSound(request);
  return isTooLong || isOdd || !isPlain || isTooLarge(request) ? [framework, ...ours] : ours;
}

type Route = 'watch' | 'watchAll' | 'status' | 'cancel' | 'put' | 'post' | 'signal' | 'list';

function routeOf(method: string, segments: readonly string[]): Route | undefined {
  const reads = method === 'GET' || method === 'HEAD';
  const fourth = decode(segments[3] ?? '');
  if (segments.length === 0) return reads ? 'list' : undefined;
  if (segments.length === 1) return reads && segments[0] === manyTasks ? 'watchAll' : undefined;
  if (segments.length === 2) return method === 'POST' ? 'post' : undefined;
  if (segments.length === 4) return reads && fourth === 'status' ? 'status' : undefined;
  if (segments.length === 5) return method === 'POST' && fourth === 'signals' ? 'signal' : undefined;
  if (segments.length !== 3) return undefined;
  if (reads) return 'watch';
  if (method === 'DELETE') return 'cancel';
  return method === 'PUT' ? 'put' : undefined;
}

interface Context {
  readonly signal: string;
  readonly positions: Positions;
  readonly mayBeThere: boolean;
}

interface Ref {
  readonly app: string;
  readonly name: string;
  readonly id: string | undefined;
}

function answersOf(
  request: FuzzRequest,
  route: Exclude<Route, 'watchAll'>,
  ref: Ref,
  context: Context,
): Expected[] {
  const query = parse(request.query);
  if (route === 'list') return isListQuery(query) ? [{ kind: 'json', statuses: [200] }] : [invalidQuery];
  if (!isName(ref.app, 64) || !isName(ref.name, 64)) return [invalidId];
  if (ref.id !== undefined && !isName(ref.id, 100)) return [invalidId];
  const isType = ref.app === tasks.app && typeNames.some((name) => name === ref.name);
  if (!isType) return [notFound];
  if (route === 'post' || route === 'put') return startAnswers(request, ref);
  const isKnown = ref.id === tasks.live || ref.id === tasks.done;
  if (!isKnown && !context.mayBeThere) return [notFound];
  const answers = knownAnswers(request, route, ref.id === tasks.live, context, query);
  if (isKnown) return answers;
  // Started by a request before, it has positions that nobody here knows.
  const ofAnother = route === 'watch' && isBadFrom(query) ? [invalidQuery] : [];
  return [notFound, { kind: 'stream' }, { kind: 'empty', status: 204 }, ...ofAnother, ...answers];
}

function startAnswers(request: FuzzRequest, { name, id }: Ref): Expected[] {
  const isThere = id === tasks.live || id === tasks.done;
  const statuses = id === undefined ? [201] : isThere ? [200] : [200, 201];
  const started: Expected = { kind: 'json', statuses };
  if (!isBodyless(request) && !isSound(request)) return [started, ...bodyErrors];
  return name === 'plain' || isThere || isBodyless(request)
    ? [started]
    : [started, error(400, 'INVALID_INPUT')];
}

/** Of a body that is not plainly a JSON object: the framework may have taken it, or not. */
const bodyErrors = [error(415, 'UNSUPPORTED_MEDIA_TYPE'), error(400, 'INVALID_INPUT')];

function knownAnswers(
  request: FuzzRequest,
  route: Route,
  isLive: boolean,
  { signal, positions }: Context,
  query: Query,
): Expected[] {
  if (route === 'status') return [{ kind: 'json', statuses: [200] }];
  if (route === 'watch') return watchAnswers(request, isLive, positions, query);
  if (route === 'cancel') return cancelAnswers(request, isLive, positions, query);
  const bad = isBodyless(request) || isSound(request) ? [] : bodyErrors;
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(signal)) return [...bad, error(400, 'INVALID_EVENT')];
  // What is nested too deep can be read, and not written again.
  return isLive
    ? [...bad, { kind: 'empty', status: 202 }, error(400, 'INVALID_EVENT'), error(429, 'TOO_MANY_SIGNALS')]
    : [...bad, ended];
}

function watchAnswers(request: FuzzRequest, isLive: boolean, positions: Positions, query: Query): Expected[] {
  const { from } = query;
  const header = headerOf(request, 'last-event-id');
  const position = header === undefined || header === '' ? query['lastEventId'] : header;
  if (!isLive && position === positions.done) return [{ kind: 'empty', status: 204 }];
  if (isBadFrom(query)) return [invalidQuery];
  if (isLive) return [{ kind: 'stream' }];
  return [{ kind: 'stream', outline: outlineOf(position, positions.done, from === 'latest') }];
}

function watchAllAnswers(
  request: FuzzRequest,
  positions: Positions,
  started: ReadonlySet<string>,
): Expected[] {
  const paths = listOf(request);
  const refs = paths.map((path) => path.split('/'));
  if (refs.length === 0 || refs.length > 100 || new Set(paths).size < paths.length) return [invalidQuery];
  if (refs.some(({ length }) => length !== 3)) return [invalidQuery];
  const isSoundRef = ([app = '', name = '', id = '']: string[]): boolean =>
    isName(app, 64) && isName(name, 64) && isName(id, 100);
  if (!refs.every(isSoundRef)) return [invalidId];
  const known = refs.filter(isKnownRef);
  const mayBeMore = refs.some((ref) => started.has(ref.join(':')));
  if (known.length === 0 && !mayBeMore) return [notFound];
  const query = parse(request.query);
  const header = headerOf(request, 'last-event-id');
  const position = header === undefined || header === '' ? query['lastEventId'] : header;
  const [[, name] = [], ...others] = known;
  const seenEnd =
    position === positions.done && known.every(([, , id]) => id === tasks.done) && others.length === 0;
  const other: Expected = isBadFrom(query) ? invalidQuery : { kind: 'stream' };
  const answer: Expected =
    seenEnd && name === typeNames[0] && !mayBeMore ? { kind: 'empty', status: 204 } : other;
  return mayBeMore ? [answer, notFound, invalidQuery, { kind: 'empty', status: 204 }] : [answer];
}

function isBadFrom({ from }: Query): boolean {
  return from !== undefined && from !== 'latest';
}

function listOf({ query }: FuzzRequest): string[] {
  return new URLSearchParams(query).getAll('task');
}

function isKnownRef([app, name, id]: readonly string[]): boolean {
  return (
    app === tasks.app && typeNames.some((known) => known === name) && (id === tasks.live || id === tasks.done)
  );
}

/** Whether a stream that is asked for does not end by itself. */
export function goesOn(request: FuzzRequest): boolean {
  if (request.segments[0] !== manyTasks) return request.segments[2] === tasks.live;
  return listOf(request).some((path) => isKnownRef(path.split('/')) && path.endsWith(`/${tasks.live}`));
}

function outlineOf(position: unknown, newest: string, latest: boolean): (number | 'gap')[] {
  const { first, last } = doneLog;
  const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  if (position === undefined || position === '') return latest ? [last] : ['gap', ...all];
  const epoch = newest.slice(0, newest.indexOf('-'));
  // Given twice it is a list.
  const text = typeof position === 'string' ? position : '';
  const seq = new RegExp(`^${epoch}-(0|[1-9][0-9]*)$`).exec(text)?.[1];
  if (seq === undefined || Number(seq) > last || Number(seq) < first - 1) {
    return ['gap', ...all];
  }
  return all.filter((one) => one > Number(seq));
}

function cancelAnswers(
  request: FuzzRequest,
  isLive: boolean,
  positions: Positions,
  { detail, wait }: Query,
): Expected[] {
  if (Array.isArray(detail)) return [invalidQuery];
  const isWait = typeof wait === 'string' && /^[0-9]{1,9}$/.test(wait) && Number(wait) <= 30_000;
  if (wait !== undefined && !isWait) return [invalidQuery];
  if (!isLive) return [ended];
  const wanted = headerOf(request, 'if-match');
  const epoch = positions.live.slice(0, positions.live.indexOf('-'));
  const matches =
    wanted === undefined ||
    wanted === '*' ||
    wanted.split(',').some((tag) => tag.trim().replaceAll('"', '') === epoch);
  return matches ? [{ kind: 'json', statuses: isWait ? [200, 202] : [202] }] : [ended];
}

type Query = ReturnType<typeof parse>;

function isListQuery({ app, name, status, limit, cursor }: Query): boolean {
  if ([app, name, status, limit, cursor].some(Array.isArray) || cursor !== undefined) return false;
  if (status !== undefined && !statuses.includes(String(status))) return false;
  if (limit === undefined) return true;
  return /^[0-9]{1,9}$/.test(String(limit)) && Number(limit) >= 1 && Number(limit) <= 1_000;
}

const statuses = ['pending', 'running', 'cancelling', 'completed', 'failed', 'cancelled', 'timeout'];

function isName(text: string, longest: number): boolean {
  return /^[A-Za-z0-9._~-]+$/.test(text) && text.length <= longest && text !== '.' && text !== '..';
}

function isBodyless(request: FuzzRequest): boolean {
  return request.body === undefined && headerOf(request, 'content-type') === undefined;
}

/** Whether the body is one that no framework has anything against: an object or a list in plain JSON. */
function isSound(request: FuzzRequest): boolean {
  const type = headerOf(request, 'content-type');
  if (type === undefined || !/^application\/json(?:; charset=utf-8)?$/.test(type)) return false;
  if (headerOf(request, 'content-encoding') !== undefined) return false;
  const text = request.body ?? '';
  // Fastify refuses what could poison a prototype; and what is nested deep is each library's own affair.
  if (/__proto__|constructor|\\u/.test(text) || /[[{]{30}|(?:\{"a":){30}/.test(text)) return false;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'latin1').toString());
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

/** Node takes 16 KiB of target and headers. */
function isTooLarge(request: FuzzRequest): boolean {
  return encodeRequest({ ...request, body: undefined }).length > 16_000;
}

/** Given twice, Node joins the values, but keeps the first content type alone. */
function headerOf({ headers }: FuzzRequest, name: string): string | undefined {
  const values = headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  if (values.length === 0) return undefined;
  return name === 'content-type' ? values[0] : values.join(', ');
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The key of the task that a request speaks of. */
export function keyOf({ segments }: FuzzRequest): string {
  return segments.slice(0, 3).map(decode).join(':');
}
