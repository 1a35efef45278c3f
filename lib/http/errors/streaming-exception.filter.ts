import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { StreamingError } from '../../cancellation/errors.js';
import {
  InvalidEventError,
  InvalidInputError,
  InvalidQueryError,
  InvalidTaskIdError,
  ShuttingDownError,
  StoreUnavailableError,
  TaskEndedError,
  TaskNotFoundError,
  TaskTypeNotFoundError,
  TooManySignalsError,
  TooManyTasksError,
} from '../../task/errors.js';
import { forbidStoring, type PlatformResponse, rawResponse } from '../request/http-exchange.js';
import { asHttpError, setErrorHeaders, type StreamingHttpException } from './http-errors.js';

/** Both platforms send a text as it is. */
interface SendingResponse extends PlatformResponse {
  send(body: string): unknown;
}

/**
 * Answers the errors of this package that a client can cause, on controllers of your own, as the module's routes do: with
 * the status, the `code`, the `issues` of a refused input, `Retry-After` and `Cache-Control: no-store`. All other
 * exceptions go on to your other filters and to Nest.
 *
 * Outside of HTTP it answers nothing.
 *
 * @example
 * @Controller('reports')
 * @UseFilters(StreamingExceptionFilter)
 * export class ReportsController {
 *   constructor(private readonly coordinator: CoordinatorService) {}
 *
 *   @Post()
 *   async create(@Body() input: ReportInput) {
 *     return (await this.coordinator.start(ReportTask, input)).ref; // a wrong input is 400 INVALID_INPUT
 *   }
 * }
 * @example
 * providers: [{ provide: APP_FILTER, useClass: StreamingExceptionFilter }] // for the whole application
 * @publicApi
 */
@Catch(
  InvalidEventError,
  InvalidInputError,
  InvalidQueryError,
  InvalidTaskIdError,
  ShuttingDownError,
  StoreUnavailableError,
  TaskEndedError,
  TaskNotFoundError,
  TaskTypeNotFoundError,
  TooManySignalsError,
  TooManyTasksError,
)
export class StreamingExceptionFilter implements ExceptionFilter<StreamingError> {
  catch(error: StreamingError, host: ArgumentsHost): void {
    // A filter that returns nothing leaves the error of a GraphQL resolver or a message handler to Nest.
    if (host.getType() !== 'http') return;
    const response = host.switchToHttp().getResponse<SendingResponse>();
    const raw = rawResponse(response);
    if (raw.headersSent) {
      raw.end();
      return;
    }
    const answer = asHttpError(error) as StreamingHttpException;
    forbidStoring(response);
    setErrorHeaders(response, answer, error instanceof ShuttingDownError);
    response.header('Content-Type', 'application/json; charset=utf-8');
    response.status(answer.getStatus());
    response.send(JSON.stringify(answer.getResponse()));
  }
}
