import {
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  type MessageEvent,
  Param,
  Post,
  Req,
  Res,
  Sse,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { PlatformRequest, PlatformResponse } from './http-exchange.js';
import { hasInterceptors } from './route-interceptors.js';
import { type CancelAnswer, StreamingHttpService } from './streaming-http.service.js';

/**
 * The routes of a task: watch (one or many), status, cancel, signal. Extend it for routes and guards of your own; inherited routes
 * stand below the path of your `@Controller()`.
 *
 * @example
 * @Controller('jobs')
 * @UseGuards(SessionGuard)
 * export class JobsController extends StreamingController {}
 * @publicApi
 */
export abstract class StreamingController {
  // Injected as a property, so that a subclass is free in its constructor.
  @Inject(StreamingHttpService)
  protected readonly streamingHttp!: StreamingHttpService;

  /** `text/event-stream` of a task's events; `Last-Event-ID` goes on where a client left. */
  @Sse(':app/:name/:id')
  watch(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<Observable<MessageEvent>> {
    return this.streamingHttp.watch({ app, name, id }, request, response, hasInterceptors(this, 'watch'));
  }

  /** `text/event-stream` of many tasks, as `?task=app/name/id&task=…` names them, on one connection. */
  @Sse('events')
  watchAll(
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<Observable<MessageEvent>> {
    return this.streamingHttp.watchAll(request, response, hasInterceptors(this, 'watchAll'));
  }

  /** `200` with a snapshot. */
  @Get(':app/:name/:id/status')
  status(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<TaskSnapshot> {
    return this.streamingHttp.status({ app, name, id }, request, response);
  }

  /** `202` when the cancellation is accepted, `409` when the task is over. */
  @Delete(':app/:name/:id')
  cancelTask(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<CancelAnswer | TaskSnapshot> {
    return this.streamingHttp.cancel({ app, name, id }, request, response);
  }

  /** `202` when the signal reached the task. */
  @Post(':app/:name/:id/signals/:signal')
  @HttpCode(HttpStatus.ACCEPTED)
  signal(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Param('signal') signal: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<void> {
    return this.streamingHttp.signal({ app, name, id }, signal, request, response);
  }
}
