import {
  applyDecorators,
  Controller,
  Get,
  Param,
  Post,
  Put,
  Req,
  Res,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { HttpRouteOptions } from '../streaming.options.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { PlatformRequest, PlatformResponse } from './http-exchange.js';
import type { ListAnswer } from './streaming-http.service.js';
import { StreamingController } from './streaming.controller.js';

/** The controller that `forRoot({ http })` adds: the routes of a task, and those that are switched on. */
export function createStreamingController({
  path = 'stream',
  start = false,
  list = false,
  guards = [],
  interceptors = [],
  decorators = [],
}: HttpRouteOptions): Type<StreamingController> {
  class BuiltInStreamingController extends StreamingController {
    startTask(
      app: string,
      name: string,
      request: PlatformRequest,
      response: PlatformResponse,
    ): Promise<TaskSnapshot> {
      return this.streamingHttp.start({ app, name }, undefined, request, response);
    }

    startTaskWithId(
      app: string,
      name: string,
      id: string,
      request: PlatformRequest,
      response: PlatformResponse,
    ): Promise<TaskSnapshot> {
      return this.streamingHttp.start({ app, name }, id, request, response);
    }

    listTasks(request: PlatformRequest, response: PlatformResponse): Promise<ListAnswer> {
      return this.streamingHttp.list(request, response);
    }
  }
  const { prototype } = BuiltInStreamingController;
  const passthrough = Res({ passthrough: true });
  if (start) {
    route(prototype, 'startTask', Post(':app/:name'), [Param('app'), Param('name'), Req(), passthrough]);
    route(prototype, 'startTaskWithId', Put(':app/:name/:id'), [
      Param('app'),
      Param('name'),
      Param('id'),
      Req(),
      passthrough,
    ]);
  }
  if (list) route(prototype, 'listTasks', Get(), [Req(), passthrough]);
  applyDecorators(
    Controller(path),
    UseGuards(...guards),
    UseInterceptors(...interceptors),
    ...decorators,
  )(BuiltInStreamingController);
  return BuiltInStreamingController;
}

/** Does what decorators in front of a method would do, where whether it is a route depends on an option. */
function route(
  prototype: object,
  method: string,
  decorator: MethodDecorator,
  parameters: readonly ParameterDecorator[],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method) as PropertyDescriptor;
  parameters.forEach((parameter, index) => parameter(prototype, method, index));
  decorator(prototype, method, descriptor);
}
