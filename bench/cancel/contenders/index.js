/**
 * Each is loaded only in the process that runs it.
 *
 * @type {Record<string, () => Promise<import('../worker.js').Start>>}
 */
export const contenders = {
  'bare-loop': async () => (await import('./bare-loop.js')).start,
  'nestjs-streaming': async () => (await import('./nestjs-streaming.js')).start,
};
