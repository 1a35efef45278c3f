/**
 * Every server that is measured, first bare Node. Each is loaded only in the process that runs it.
 *
 * @type {Record<string, () => Promise<import('../contender.js').Start>>}
 */
export const contenders = {
  'node:http': async () => (await import('./node-http.js')).oneWrite,
  'node:http-write': async () => (await import('./node-http.js')).sharedWrite,
  'nest-sse': async () => (await import('./nest-sse.js')).nestSse({ adapter: 'express' }),
  'nest-sse-fastify': async () => (await import('./nest-sse.js')).nestSse({ adapter: 'fastify' }),
  'better-sse': async () => (await import('./better-sse.js')).start,
  '@fastify/sse': async () => (await import('./fastify-sse.js')).start,
  'nestjs-streaming': () => own({ adapter: 'express' }),
  'nestjs-streaming-fastify': () => own({ adapter: 'fastify' }),
  // Where something stands between the package and the socket.
  'nestjs-streaming-compression': () =>
    own({ adapter: 'express', compression: true }, { ask: { headers: ['Accept-Encoding: gzip'] } }),
  'nestjs-streaming-intercepted': () => own({ adapter: 'express' }, { http: { interceptEvents: true } }),
  'nestjs-streaming-h2': () => own({ adapter: 'fastify', http2: true }, { ask: { http2: true } }),
};

/** @param {Parameters<typeof import('./nestjs-streaming.js').nestjsStreaming>} options */
async function own(...options) {
  return (await import('./nestjs-streaming.js')).nestjsStreaming(...options);
}
