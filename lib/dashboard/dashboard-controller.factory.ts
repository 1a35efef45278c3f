import {
  applyDecorators,
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  NotFoundException,
  Param,
  Post,
  Req,
  Res,
  SetMetadata,
  StreamableFile,
  type Type,
  UnsupportedMediaTypeException,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { StreamingExceptionFilter } from '../http/errors/streaming-exception.filter.js';
import { forbidStoring, type PlatformRequest, type PlatformResponse } from '../http/request/http-exchange.js';
import { jsonBody } from '../http/request/json-body.js';
import { DashboardAccess } from './access/dashboard-access.js';
import { type AboutAnswer, DashboardActions } from './dashboard-actions.js';
import { DashboardStreams } from './live/dashboard-streams.js';
import { assetOf, pageHtml, pagePolicy, pageTag } from './page-document.js';
import { pathOf, type StreamingDashboardOptions } from './streaming-dashboard.options.js';

/** The page sends it with each action. A form or a script of another origin cannot, unless CORS allows it. */
const ACTION_HEADER = 'x-streaming-dashboard';

/** Both platforms tell what headers are set. */
interface WithHeader extends PlatformResponse {
  getHeader(name: string): unknown;
}

/** The controller that `forRoot()` adds: the page, and what it asks for. */
export function createDashboardController(options: StreamingDashboardOptions): Type {
  class StreamingDashboardController {
    constructor(
      @Inject(DashboardActions) private readonly actions: DashboardActions,
      @Inject(DashboardStreams) private readonly streams: DashboardStreams,
      @Inject(DashboardAccess) private readonly access: DashboardAccess,
    ) {}

    @Get()
    async page(
      @Req() request: PlatformRequest,
      @Res({ passthrough: true }) response: WithHeader,
    ): Promise<StreamableFile | undefined> {
      await this.access.check('view', request);
      const name = queryOf(request).get('asset');
      return name === null ? document(request, response) : asset(name, request, response);
    }

    @Get('api/about')
    about(
      @Req() request: PlatformRequest,
      @Res({ passthrough: true }) response: PlatformResponse,
    ): Promise<AboutAnswer> {
      forbidStoring(response);
      return this.actions.about(request);
    }

    @Get('api/list')
    list(@Req() request: PlatformRequest, @Res() response: PlatformResponse): Promise<void> {
      return this.streams.list(queryOf(request), request, response);
    }

    @Post('api/cancel')
    async cancelAll(@Req() request: PlatformRequest, @Res() response: PlatformResponse): Promise<void> {
      await this.actions.cancelAll(await bodyOf(request), request, response);
    }

    @Post('api/types/:app/:name')
    @HttpCode(HttpStatus.CREATED)
    async start(
      @Param('app') app: string,
      @Param('name') name: string,
      @Req() request: PlatformRequest,
    ): Promise<object> {
      return this.actions.start({ app, name }, await bodyOf(request), request);
    }

    @Get('api/tasks/:app/:name/:id')
    task(
      @Param('app') app: string,
      @Param('name') name: string,
      @Param('id') id: string,
      @Req() request: PlatformRequest,
      @Res() response: PlatformResponse,
    ): Promise<void> {
      const after = queryOf(request).get('after') ?? undefined;
      return this.streams.task({ app, name, id }, after, request, response);
    }

    @Get('api/tasks/:app/:name/:id/rights')
    rights(
      @Param('app') app: string,
      @Param('name') name: string,
      @Param('id') id: string,
      @Req() request: PlatformRequest,
      @Res({ passthrough: true }) response: PlatformResponse,
    ): Promise<object> {
      forbidStoring(response);
      return this.actions.rights({ app, name, id }, request);
    }

    @Post('api/tasks/:app/:name/:id/cancel')
    @HttpCode(HttpStatus.ACCEPTED)
    async cancel(
      @Param('app') app: string,
      @Param('name') name: string,
      @Param('id') id: string,
      @Req() request: PlatformRequest,
    ): Promise<object> {
      return this.actions.cancel({ app, name, id }, await bodyOf(request), request);
    }

    @Post('api/tasks/:app/:name/:id/signal')
    @HttpCode(HttpStatus.ACCEPTED)
    async signal(
      @Param('app') app: string,
      @Param('name') name: string,
      @Param('id') id: string,
      @Req() request: PlatformRequest,
    ): Promise<object> {
      return this.actions.signal({ app, name, id }, await bodyOf(request), request);
    }
  }
  applyDecorators(
    Controller({
      path: pathOf(options),
      ...(options.version !== undefined && { version: options.version }),
    }),
    UseFilters(StreamingExceptionFilter),
    UseGuards(...(options.guards ?? [])),
    // It is a page: @nestjs/swagger leaves it out.
    SetMetadata('swagger/apiExcludeController', [true]),
    ...(options.decorators ?? []),
  )(StreamingDashboardController);
  return StreamingDashboardController;
}

function document(request: PlatformRequest, response: WithHeader): StreamableFile | undefined {
  response.header('Cache-Control', 'private, no-cache');
  response.header('ETag', pageTag);
  response.header('X-Content-Type-Options', 'nosniff');
  // That of the application, if it has one, holds too: the page asks for nothing that a strict one forbids.
  if (response.getHeader('Content-Security-Policy') === undefined) {
    response.header('Content-Security-Policy', pagePolicy);
  }
  if (request.headers['if-none-match'] === pageTag) {
    response.status(HttpStatus.NOT_MODIFIED);
    return undefined;
  }
  return fileOf('text/html; charset=utf-8', Buffer.from(pageHtml));
}

function asset(name: string, request: PlatformRequest, response: WithHeader): StreamableFile {
  const found = assetOf(name);
  if (!found) {
    // That of another version: the page is loaded anew.
    forbidStoring(response);
    throw new NotFoundException(`There is no ${JSON.stringify(name.slice(0, 80))}`);
  }
  response.header('Cache-Control', 'private, max-age=31536000, immutable');
  response.header('ETag', `"${name}"`);
  response.header('X-Content-Type-Options', 'nosniff');
  response.header('Vary', 'Accept-Encoding');
  const { type, gzipped } = found;
  if (
    !gzipped ||
    !/(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0+)?\s*(?:,|$))|,|$)/i.test(request.headers['accept-encoding'] ?? '')
  ) {
    return fileOf(type, found.plain());
  }
  response.header('Content-Encoding', 'gzip');
  return fileOf(type, gzipped);
}

function fileOf(type: string, bytes: Buffer): StreamableFile {
  return new StreamableFile(bytes, { type, length: bytes.length });
}

function queryOf({ url = '', originalUrl = url }: PlatformRequest): URLSearchParams {
  const [, search = ''] = /\?([^#]*)/.exec(originalUrl) ?? [];
  return new URLSearchParams(search);
}

/** @throws ForbiddenException for an action that is not of the page */
async function bodyOf(request: PlatformRequest): Promise<Readonly<Record<string, unknown>>> {
  if (request.headers[ACTION_HEADER] === undefined) {
    throw new ForbiddenException(`An action needs the header ${ACTION_HEADER}`);
  }
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new UnsupportedMediaTypeException('Expected the content type application/json');
  }
  return { ...(await jsonBody(request)) };
}
