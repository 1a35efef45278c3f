/**
 * Each is loaded only in the process that runs it.
 *
 * @type {Record<string, () => Promise<import('../worker.js').Start>>}
 */
export const contenders = {
  'bare-loop-lazy': async () => (await import('./bare-loop.js')).bareLoop('lazy'),
  'bare-loop-eager': async () => (await import('./bare-loop.js')).bareLoop('eager'),
  'nestjs-streaming': async () => (await import('./nestjs-streaming.js')).start,
};
