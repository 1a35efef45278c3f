import { Controller, Param, Sse } from '@nestjs/common';
import { Subject } from 'rxjs';
import { decorate, decorateMethod, makeModule } from '../../support/decorate.js';
import { listen } from '../../support/platform.js';
import { TYPE } from '../event.js';

/**
 * Nest's own `@Sse()`, as its documentation shows it: a route that returns the Subject all watchers share.
 *
 * @param {import('../../support/platform.js').Platform} platform
 * @returns {import('../contender.js').Start}
 */
export function nestSse(platform) {
  return async (topics) => {
    /** @type {Map<string, Subject<import('@nestjs/common').MessageEvent>>} */
    const subjects = new Map(topics.map((topic) => [topic, new Subject()]));

    class UpdatesController {
      /** @param {string} topic */
      updates(topic) {
        return subjects.get(topic);
      }
    }
    decorateMethod(UpdatesController, 'updates', [Param('topic')], Sse(':topic'));
    decorate(UpdatesController, Controller('updates'));

    const app = await listen(platform, makeModule({ controllers: [UpdatesController] }));
    return {
      server: app.getHttpServer(),
      paths: topics.map((topic) => `/updates/${topic}`),
      watching: () => [...subjects.values()].reduce((sum, subject) => sum + observersOf(subject), 0),
      publish(topic, events) {
        for (const { id, data } of events) subjects.get(topic)?.next({ id, type: TYPE, data });
      },
      end() {
        for (const subject of subjects.values()) subject.complete();
      },
    };
  };
}

/**
 * Not public, but whatever counted the watchers from outside would cost each of them time and memory.
 *
 * @param {object} subject
 */
function observersOf(subject) {
  return /** @type {readonly unknown[]} */ (Reflect.get(subject, 'observers')).length;
}
