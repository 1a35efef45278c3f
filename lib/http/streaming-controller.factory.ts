import {
  applyDecorators,
  Controller,
  Get,
  Inject,
  Param,
  Post,
  Put,
  Req,
  Res,
  SetMetadata,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { HttpRouteOptions } from '../streaming.options.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { PlatformRequest, PlatformResponse } from './request/http-exchange.js';
import { DescribeRoute } from './openapi/openapi-metadata.js';
import { listRoute, startRoute, startWithIdRoute, typesRoute } from './openapi/route-descriptions.js';
import { TaskInputs } from './openapi/task-inputs.js';
import type { ListAnswer, TypesAnswer } from './streaming-http.service.js';
import { type ControllerOrigin, STREAMING_CONTROLLER } from './stream-paths.js';
import { StreamingController } from './streaming.controller.js';

/** The controller that `forRoot({ http })` adds: the routes of a task, and those that are switched on. */
export function createStreamingController({
  path = 'stream',
  start = false,
  list = false,
  types = false,
  guards = [],
  interceptors = [],
  decorators = [],
}: HttpRouteOptions): Type<StreamingController> {
  const inputs = new TaskInputs();
  class BuiltInStreamingController extends StreamingController {
    constructor(@Inject(DiscoveryService) discovery: DiscoveryService) {
      super();
      inputs.readFrom(discovery);
    }

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

    listTypes(response: PlatformResponse): Promise<TypesAnswer> {
      return this.streamingHttp.listTypes(response);
    }
  }
  // Nest's log, tags and operation ids are made of the name.
  Object.defineProperty(BuiltInStreamingController, 'name', { value: StreamingController.name });
  const { prototype } = BuiltInStreamingController;
  const text = (name: string): Parameter => [Param(name), String];
  const answer: Parameter = [Res({ passthrough: true }), Object];
  const exchange: Parameter[] = [[Req(), Object], answer];
  if (start) {
    const type = [text('app'), text('name')];
    const first = [Post(':app/:name'), DescribeRoute(startRoute(inputs))];
    route(prototype, 'startTask', first, [...type, ...exchange]);
    const second = [Put(':app/:name/:id'), DescribeRoute(startWithIdRoute(inputs))];
    route(prototype, 'startTaskWithId', second, [...type, text('id'), ...exchange]);
  }
  if (list) route(prototype, 'listTasks', [Get(), DescribeRoute(listRoute)], exchange);
  if (types) route(prototype, 'listTypes', [Get('types'), DescribeRoute(typesRoute)], [answer]);
  applyDecorators(
    Controller(path),
    SetMetadata(STREAMING_CONTROLLER, 'module' satisfies ControllerOrigin),
    UseGuards(...guards),
    UseInterceptors(...interceptors),
    ...decorators,
  )(BuiltInStreamingController);
  return BuiltInStreamingController;
}

/** A parameter's decorator, and its type. */
type Parameter = readonly [decorator: ParameterDecorator, type: unknown];

/** Does what decorators in front of a method would do, where whether it is a route depends on an option. */
function route(
  prototype: object,
  method: string,
  decorators: readonly MethodDecorator[],
  parameters: readonly Parameter[],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method) as PropertyDescriptor;
  // The last comes first, as the compiler does it: what describes the routes keeps that order.
  for (const [index, [parameter]] of [...parameters.entries()].toReversed())
    parameter(prototype, method, index);
  // The compiler would leave these. Without them Nest warns that a global ValidationPipe has nothing to validate by.
  const types = parameters.map(([, type]) => type);
  Reflect.defineMetadata('design:paramtypes', types, prototype, method);
  for (const decorator of decorators) decorator(prototype, method, descriptor);
}
