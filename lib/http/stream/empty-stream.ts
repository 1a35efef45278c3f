import type { ServerResponse } from 'node:http';
import { Observable } from 'rxjs';
import { type NestReceiver, NestWriter } from './output/nest-writer.js';

/** A stream without events for Nest's `@Sse()`. Once the headers are out it writes this text, and ends. Interceptors add nothing. */
export function emptyStream(response: ServerResponse, text?: string): Observable<never> {
  return new Observable((stream) => {
    const nest = NestWriter.of(response);
    const ignore: NestReceiver = { receive() {} };
    nest.attach(ignore);
    nest.onceHeadersAreSent(
      () => stream.closed,
      () => {
        if (text !== undefined) response.write(text);
        stream.complete();
        nest.end(ignore);
      },
    );
  });
}
