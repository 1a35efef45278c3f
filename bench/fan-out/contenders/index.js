/**
 * Every server that is measured, first the limit. Each is loaded only in the process that runs it.
 *
 * @type {Record<string, () => Promise<import('../server.js').Start>>}
 */
export const contenders = {
  'node:http': async () => (await import('./node-http.js')).start,
  'nest-sse': async () => (await import('./nest-sse.js')).nestSse('express'),
  'nest-sse-fastify': async () => (await import('./nest-sse.js')).nestSse('fastify'),
  'better-sse': async () => (await import('./better-sse.js')).start,
  'nestjs-streaming': async () => (await import('./nestjs-streaming.js')).nestjsStreaming('express'),
  'nestjs-streaming-fastify': async () => (await import('./nestjs-streaming.js')).nestjsStreaming('fastify'),
};
