import { eventSchema } from './event-schemas.js';

/** What is read of an OpenAPI document: `@nestjs/swagger`'s `OpenAPIObject` is one. */
export interface OpenApiDocument {
  openapi: string;
  paths: object;
  components?: object;
}

/**
 * Says in an OpenAPI 3.2 document what one event of each stream is (`itemSchema`), so that clients that are generated from
 * it know the events. Documents of an earlier version have no word for this and stay as they are.
 *
 * `SwaggerModule.createDocument()` alone describes a stream as `text/event-stream`, with its events in words: it tells the
 * routes nothing of the version that the document will have.
 *
 * @param document what `SwaggerModule.createDocument()` returned. It is changed
 * @returns the same document
 * @example
 * const config = new DocumentBuilder().setOpenAPIVersion('3.2.0').build();
 * const document = describeStreams(SwaggerModule.createDocument(app, config));
 * @publicApi
 */
export function describeStreams<Document extends OpenApiDocument>(document: Document): Document {
  if (!isAtLeast32(document.openapi)) return document;
  for (const media of streamsOf(document.paths)) {
    media['itemSchema'] = eventSchema(media['x-task-stream'] === 'many');
    // Beside "itemSchema" it would be that of the list of all events.
    delete media['schema'];
    delete media['x-task-stream'];
  }
  return document;
}

function isAtLeast32(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 3 && minor >= 2;
}

type Node = Record<string, unknown>;

/** Each media type that a route of this package was described with. */
function* streamsOf(paths: object): Generator<Node> {
  for (const operations of Object.values(paths) as Node[]) {
    for (const { responses } of Object.values(operations) as { responses?: Node }[]) {
      for (const { content } of Object.values(responses ?? {}) as { content?: Record<string, Node> }[]) {
        const media = content?.['text/event-stream'];
        if (media && 'x-task-stream' in media) yield media;
      }
    }
  }
}
