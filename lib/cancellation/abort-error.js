// @ts-check
/** How other libraries say that something was aborted. It is JavaScript because a worker thread loads it too, in the tests of this package as well. */

/** Node's and the web's, and the classes of SDKs: `APIUserAbortError` of OpenAI and Anthropic. */
const ABORT_NAME = /AbortError$/;
/** Node and this package; axios; a query that PostgreSQL cancelled. */
const ABORT_CODES = new Set(['ABORT_ERR', 'ERR_CANCELED', '57014']);

/**
 * Whether an error is an abort error by its code, its name or the name of its class.
 *
 * @param {unknown} error
 * @returns {boolean}
 */
export function isAbortError(error) {
  if (ABORT_CODES.has(/** @type {string} */ (readProperty(error, 'code')))) return true;
  const names = [readProperty(error, 'name'), readProperty(readProperty(error, 'constructor'), 'name')];
  return names.some((name) => typeof name === 'string' && ABORT_NAME.test(name));
}

/**
 * Reads a property of anything that was thrown: what is thrown may be no object, and may throw when it is looked at.
 *
 * @param {unknown} thrown
 * @param {string} property
 * @returns {unknown}
 */
export function readProperty(thrown, property) {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return undefined;
  try {
    return /** @type {Record<string, unknown>} */ (thrown)[property];
  } catch {
    return undefined;
  }
}
