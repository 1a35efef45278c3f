/** Streams of many tasks, `GET /stream/events`. */
import type { StreamingModuleOptions } from 'nestjs-streaming';
import type { SseEvent, SseStream } from './clients/sse.js';
import {
  type Adapter,
  createTaskApp,
  type Puppet,
  PuppetTask,
  range,
  type TaskApp,
  watch,
} from './watching.js';

/** The data of an event there. */
export interface Wrapped {
  readonly task: string;
  readonly id: string;
  readonly data: unknown;
}

/** The events of one task on a stream of many, as its own stream would show them. */
export function eventsOf(puppet: Puppet, events: readonly SseEvent[]): SseEvent[] {
  return events
    .filter(({ data }) => (data as Wrapped).task === pathOf(puppet))
    .map((event) => ({ ...event, ...(event.data as Wrapped) }));
}

export function pathOf({ handle }: Puppet): string {
  const { app, name, id } = handle.ref;
  return `${app}/${name}/${id}`;
}

export function urlOf(app: TaskApp, puppets: readonly (Puppet | string)[], more = ''): string {
  const paths = puppets.map((puppet) => (typeof puppet === 'string' ? puppet : pathOf(puppet)));
  return `${app.url}/events?${paths.map((path) => `task=${encodeURIComponent(path)}`).join('&')}${more}`;
}

/** An application with so many tasks that have begun. */
export async function serveMany(
  adapter: Adapter,
  count: number,
  options: StreamingModuleOptions = {},
  task = new PuppetTask(),
): Promise<{ app: TaskApp; puppets: Puppet[]; task: PuppetTask }> {
  const app = await createTaskApp({ adapter, tasks: [task.type], options });
  const puppets = await Promise.all(range(1, count).map(() => task.start(app)));
  return { app, puppets, task };
}

export function resumeMany(
  app: TaskApp,
  puppets: readonly (Puppet | string)[],
  id: string,
): Promise<SseStream> {
  return watch(urlOf(app, puppets), { headers: { 'last-event-id': id } });
}
