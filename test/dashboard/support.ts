import { StreamingDashboardModule, type StreamingDashboardOptions } from 'nestjs-streaming/dashboard';
import { type Answer, call } from '../support/clients/http-client.js';
import { openStream, type SseStream } from '../support/clients/sse.js';
import { createTaskApp, type TaskApp, type TaskAppOptions } from '../support/app.js';

export interface DashboardAppOptions extends TaskAppOptions {
  readonly dashboard?: StreamingDashboardOptions;
}

export interface DashboardApp extends TaskApp {
  /** Of the page. */
  readonly page: string;
  list(query?: string): Promise<SseStream>;
  watch(task: string): Promise<SseStream>;
  act(path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/** An application with a dashboard, and no other routes of this package. */
export async function createDashboardApp({
  dashboard,
  ...given
}: DashboardAppOptions): Promise<DashboardApp> {
  const taskApp = await createTaskApp({
    ...given,
    imports: [...(given.imports ?? []), StreamingDashboardModule.forRoot(dashboard)],
    options: { http: false, ...given.options },
  });
  return Object.defineProperties({} as DashboardApp, {
    ...Object.getOwnPropertyDescriptors(taskApp),
    ...Object.getOwnPropertyDescriptors({
      get page() {
        return `${taskApp.origin}/streaming`;
      },
      list: (query = '') => openStream(`${taskApp.origin}/streaming/api/list${query}`),
      watch: (task: string) => openStream(`${taskApp.origin}/streaming/api/tasks/${task}`),
      act: (path: string, body: object = {}, headers: Readonly<Record<string, string>> = {}) =>
        call('POST', `${taskApp.origin}/streaming/api/${path}`, {
          json: body,
          headers: { 'x-streaming-dashboard': '1', ...headers },
        }),
    }),
  });
}

/** What a list tells. */
export interface ListData {
  readonly summary: {
    readonly counts: Readonly<Record<string, number>>;
    readonly total: number;
    readonly active: number;
    readonly fault?: string;
  };
  readonly rows: readonly Row[];
  readonly gone: readonly string[];
}

export interface Row {
  readonly key: string;
  readonly id: string;
  readonly status: string;
  readonly owner?: string;
  readonly percent?: number;
  readonly message?: string;
}

const known = new WeakMap<SseStream, Map<string, Row>>();

/** The rows of a list as a page has them, when one message says what is wanted. */
export async function rowsWhen(
  stream: SseStream,
  wanted: (rows: ReadonlyMap<string, Row>, summary: ListData['summary']) => boolean,
): Promise<Map<string, Row>> {
  const rows = known.get(stream) ?? new Map<string, Row>();
  known.set(stream, rows);
  for (;;) {
    const { type, data } = await stream.next<ListData>();
    if (type === 'all') rows.clear();
    for (const key of data.gone) rows.delete(key);
    for (const row of data.rows) rows.set(row.key, row);
    if (wanted(rows, data.summary)) return rows;
  }
}
