import { InvalidInputError } from '../task/errors/invalid-input.error.js';
import type { PlatformRequest } from './http-exchange.js';
import { UnsupportedMediaTypeError } from './unsupported-media-type.error.js';

/**
 * The JSON body of a request, as the platform's parser left it; `undefined` when there is none.
 *
 * @throws UnsupportedMediaTypeError for a body of another content type, InvalidInputError for a bare value
 */
export function jsonBody({ headers, body }: PlatformRequest): object | undefined {
  const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  const type = headers['content-type'];
  if (type === undefined && isEmpty) return undefined;
  if (type === undefined || !/^application\/(?:[^;,\s]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new UnsupportedMediaTypeError(type);
  }
  if (isEmpty) return undefined;
  // A kind of JSON that no parser of the application's has read.
  if (body === undefined) throw new UnsupportedMediaTypeError(type);
  if (typeof body === 'object' && body !== null) return body;
  throw new InvalidInputError('Over HTTP the body must be a JSON object or array');
}
