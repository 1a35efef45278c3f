import { Controller, Param, Sse } from '@nestjs/common';
import { defer, Subject } from 'rxjs';
import { decorate, decorateMethod, makeModule } from '../../support/decorate.js';
import { listen } from '../../support/platform.js';
import { TYPE } from '../event.js';

/**
 * Nest's own `@Sse()`, as its documentation shows it: a route that returns the Subject all watchers share.
 *
 * @param {'express' | 'fastify'} platform
 * @returns {import('../server.js').Start}
 */
export function nestSse(platform) {
  return async (topics) => {
    /** @type {Map<string, Subject<import('@nestjs/common').MessageEvent>>} */
    const subjects = new Map(topics.map((topic) => [topic, new Subject()]));
    let watching = 0;

    class UpdatesController {
      /** @param {string} topic */
      updates(topic) {
        return defer(() => {
          watching++;
          return subjects.get(topic) ?? [];
        });
      }
    }
    decorateMethod(UpdatesController, 'updates', [Param('topic')], Sse(':topic'));
    decorate(UpdatesController, Controller('updates'));

    const app = await listen(platform, makeModule({ controllers: [UpdatesController] }));
    return {
      server: app.getHttpServer(),
      paths: topics.map((topic) => `/updates/${topic}`),
      watching: () => watching,
      publish(topic, events) {
        for (const { id, data } of events) subjects.get(topic)?.next({ id, type: TYPE, data });
      },
    };
  };
}
