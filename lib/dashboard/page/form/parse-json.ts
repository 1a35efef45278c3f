import { ApiError } from '../api.js';
import type { Json } from '../types.js';

/**
 * @param what is named where it is no JSON
 * @returns `undefined` for an empty text
 * @throws ApiError
 */
export function parseJson(what: string, text: string): Json | undefined {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new ApiError(0, `${what} is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}
