import { describe, expect, it } from '@jest/globals';
import { HttpException } from '@nestjs/common';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { describeStreams, type TaskContext } from 'nestjs-streaming';
import { filter, firstValueFrom } from 'rxjs';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { documentOf, operationsOf } from './support/documents.js';

interface Wire {
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  readonly data: string;
}

interface ItemSchema {
  readonly anyOf: readonly {
    readonly properties: { readonly event: object; readonly data: { readonly contentSchema: object } };
  }[];
}

const untilCancelled = (task: TaskContext) => task.waitFor(new Promise<never>(() => {}));
const tasks = [
  handlerTask(untilCancelled, { name: 'Wait', announceCancelling: true }),
  handlerTask(untilCancelled, { name: 'Slow', timeout: 1 }),
  handlerTask(untilCancelled, { name: 'Stubborn', timeout: 1, grace: 0 }),
  handlerTask(() => Promise.reject(new HttpException('no paper', 400)), {
    name: 'Fails',
    attempts: 2,
    backoff: 0,
  }),
  handlerTask(
    async (task: TaskContext) => {
      for (let row = 0; row < 5; row++) await task.sendEvent('row', row);
      return { rows: 5 };
    },
    { name: 'Rows', replay: { events: 3 } },
  ),
];

async function eventsOf(url: string): Promise<Wire[]> {
  const { body } = await fetch(url);
  const events: Wire[] = [];
  for await (const event of (body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())) {
    events.push(event);
  }
  return events;
}

describe('the events of a stream in OpenAPI 3.2', () => {
  it.each([
    ['one task', 'GET /stream/{app}/{name}/{id}'],
    ['many tasks', 'GET /stream/events'],
  ])('are as described: of %s', async (_of, route) => {
    const { app, url, coordinator } = await createTaskApp({ tasks });
    const document = describeStreams(documentOf(app, '3.2.0'));
    const content = operationsOf(document).get(route)?.responses['200']?.content;
    const item = content?.['text/event-stream']?.itemSchema as ItemSchema;
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    ajv.addSchema({ $id: 'document', ...(JSON.parse(JSON.stringify(document)) as object) });
    const absolute = (schema: object) =>
      JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"document#')) as object;

    for (const name of ['Slow', 'Stubborn', 'Fails', 'Rows', 'Wait']) {
      await coordinator.start({ app: 'test', name }, {}, { id: 'a' });
    }
    const wait = { app: 'test', name: 'Wait', id: 'a' };
    await firstValueFrom(coordinator.events(wait).pipe(filter(({ type }) => type === 'started')));
    await coordinator.cancelTask(wait, { wait: 'settled', detail: 'enough' });
    const paths = ['Slow', 'Stubborn', 'Fails', 'Rows', 'Wait'].map((name) => `test/${name}/a`);
    const urls =
      route === 'GET /stream/events'
        ? [`${url}/events?${['test/Wait/missing', ...paths].map((path) => `task=${path}`).join('&')}`]
        : paths.map((path) => `${url}/${path}`);
    const events = (await Promise.all(urls.map(eventsOf))).flat();

    const isItem = ajv.compile(absolute(item));
    for (const { event, id, data } of events) {
      expect([event, isItem({ event, id, data }), isItem.errors]).toEqual([event, true, null]);
      // What `contentSchema` says is for the reader to check.
      const fitting = item.anyOf.filter(({ properties }) => ajv.validate(properties.event, event));
      expect([event, fitting.length]).toEqual([event, 1]);
      for (const { properties } of fitting) {
        const ofData = ajv.compile(absolute(properties.data.contentSchema));
        expect([event, ofData(JSON.parse(data)), ofData.errors]).toEqual([event, true, null]);
      }
    }
    const ofTask = [
      'started',
      'retrying',
      'cancelling',
      'gap',
      'row',
      'completed',
      'failed',
      'cancelled',
      'timeout',
    ];
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set(route === 'GET /stream/events' ? [...ofTask, 'unavailable'] : ofTask),
    );
  });
});
