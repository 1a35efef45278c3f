import { expect } from '@jest/globals';
import { Controller, type MessageEvent, Param, Req, Res, Sse, type Type } from '@nestjs/common';
import { type PlatformRequest, type PlatformResponse, StreamingController } from 'nestjs-streaming';
import type { Observable } from 'rxjs';
import { type Puppet, watch } from '../../support/watching.js';

/** A controller at `/own` with a method of its own for the stream of a task, and what that does with the Observable. */
export function ownController(
  change: (events: Observable<MessageEvent>) => Observable<MessageEvent> = (events) => events,
): Type<StreamingController> {
  @Controller('own')
  class OwnController extends StreamingController {
    @Sse(':app/:name/:id')
    override async watch(
      @Param('app') app: string,
      @Param('name') name: string,
      @Param('id') id: string,
      @Req() request: PlatformRequest,
      @Res({ passthrough: true }) response: PlatformResponse,
    ): Promise<Observable<MessageEvent>> {
      return change(await super.watch(app, name, id, request, response));
    }
  }
  return OwnController;
}

/** Watches a task, ends it, and asserts that its stream is whole. */
export async function expectWholeStream(puppet: Puppet, url = puppet.url): Promise<void> {
  const stream = await watch(url);
  await stream.next('started');
  await puppet.end();
  expect(await stream.ended).toBe('complete');
  expect(stream.events.map(({ type }) => type)).toEqual(['started', 'completed']);
}
