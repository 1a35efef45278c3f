import { isGone, terminalTypes } from './api.js';

/** Everything that is not over. */
const watchers = new Set();

/**
 * Follows one task to its end. The client comes back by itself and goes on where it was. The listener has
 *
 *   event(type, data, id)   an event of the task
 *   snapshot(snapshot)      how the task has ended, where its stream has nothing more to say
 *   gone()                  the server does not know the task any more
 *   refused(error)          the server does not let this page watch it
 *   link(isOnline)          whether its connection stands
 */
export class TaskWatcher {
  #run;
  #listener;
  #events;
  #unsubscribe;

  constructor(run, listener) {
    this.#run = run;
    this.#listener = listener;
    this.#unsubscribe = run.subscribe(() => {
      const { connection } = run;
      if (connection === 'live') listener.link(true);
      if (connection === 'reconnecting' || connection === 'offline') listener.link(false);
    });
    watchers.add(this);
    followAll();
  }

  stop() {
    watchers.delete(this);
    this.#unsubscribe();
    this.pause();
  }

  pause() {
    const events = this.#events;
    this.#events = undefined;
    void events?.return();
  }

  /** Goes on after the last event that came. */
  async follow() {
    this.pause();
    const events = this.#run.events({ after: this.#run.lastEventId });
    this.#events = events;
    let hasEnded = false;
    try {
      for await (const { id, type, data } of events) {
        hasEnded = terminalTypes.includes(type);
        if (hasEnded) this.stop();
        this.#listener.event(type, data, id);
      }
      if (hasEnded || this.#events !== events) return;
      const snapshot = await this.#run.snapshot();
      this.stop();
      this.#listener.snapshot(snapshot);
    } catch (error) {
      if (this.#events !== events) return;
      this.stop();
      if (isGone(error)) this.#listener.gone();
      else this.#listener.refused(error);
    }
  }
}

let isDue = false;

/**
 * Runs that are watched in the same moment share one connection. Over HTTP/1.1 a browser opens six to a server, for all of
 * its tabs together: with one for each task a Cancel would wait for the end of another. So a new task has all of them begin anew.
 */
function followAll() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    if (!document.hidden) for (const watcher of watchers) void watcher.follow();
  });
}

// A tab that nobody sees leaves its connection to the others, and catches up when it is seen again.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) for (const watcher of watchers) watcher.pause();
  else followAll();
});
