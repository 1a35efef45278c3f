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
  SetMetadata,
  Sse,
  UseGuards,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { hasInterceptors } from '../internals/nest-internals.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { PlatformRequest, PlatformResponse } from './request/http-exchange.js';
import { DescribeRoute } from './openapi/openapi-metadata.js';
import {
  cancelRoute,
  signalRoute,
  statusRoute,
  watchAllRoute,
  watchRoute,
} from './openapi/route-descriptions.js';
import { type ControllerOrigin, STREAMING_CONTROLLER } from './stream-paths.js';
import { StreamObservable } from './stream/stream-observable.js';
import { StreamRoute, streamRouteGuard } from './stream-route.guard.js';
import { type CancelAnswer, StreamingHttpService } from './streaming-http.service.js';

/**
 * The routes of a task: watch (one or many), status, cancel, signal. Extend it to add routes and guards. The inherited
 * routes are below the path of your `@Controller()`.
 *
 * @example
 * @Controller('jobs')
 * @UseGuards(SessionGuard)
 * export class JobsController extends StreamingController {}
 * @publicApi
 */
@UseGuards(streamRouteGuard)
@SetMetadata(STREAMING_CONTROLLER, 'application' satisfies ControllerOrigin)
export abstract class StreamingController {
  // Injected as a property, so that a subclass is free in its constructor.
  @Inject(StreamingHttpService)
  protected readonly streamingHttp!: StreamingHttpService;

  /** `text/event-stream` of a task's events. It resumes after `Last-Event-ID`. */
  @Sse(':app/:name/:id')
  @DescribeRoute(watchRoute)
  @StreamRoute()
  watch(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<Observable<MessageEvent>> {
    const isIntercepted = hasInterceptors(this, 'watch');
    const stream = this.streamingHttp.watch({ app, name, id }, request, response, isIntercepted);
    // In a subclass that has a method of its own, the stream may go through other hands first.
    return this.watch === StreamingController.prototype.watch ? stream.then(forNest) : stream;
  }

  /** `text/event-stream` of many tasks on one connection: `?task=app/name/id&task=…`. */
  @Sse('events')
  @DescribeRoute(watchAllRoute)
  @StreamRoute()
  async watchAll(
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<Observable<MessageEvent>> {
    const isIntercepted = hasInterceptors(this, 'watchAll');
    const stream = await this.streamingHttp.watchAll(request, response, isIntercepted);
    return this.watchAll === StreamingController.prototype.watchAll ? forNest(stream) : stream;
  }

  /** `200` with a snapshot. */
  @Get(':app/:name/:id/status')
  @DescribeRoute(statusRoute)
  status(
    @Param('app') app: string,
    @Param('name') name: string,
    @Param('id') id: string,
    @Req() request: PlatformRequest,
    @Res({ passthrough: true }) response: PlatformResponse,
  ): Promise<TaskSnapshot> {
    return this.streamingHttp.status({ app, name, id }, request, response);
  }

  /** `202` when the cancellation is accepted, `409` when the task has ended. */
  @Delete(':app/:name/:id')
  @DescribeRoute(cancelRoute)
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
  @DescribeRoute(signalRoute)
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

function forNest(stream: Observable<MessageEvent>): Observable<MessageEvent> {
  return stream instanceof StreamObservable ? stream.forNest() : stream;
}
