import { eventTypes, statusOf, terminalTypes, urlOf } from './api.js';

/**
 * Over HTTP/1.1 a browser opens six connections to a server, for all of its tabs together. If streams took them all, a
 * Cancel would wait for one of them to end. Over HTTP/2 there is no such limit.
 */
const mostStreams = 4;
const pollInterval = 1_000;
const retryInterval = 2_000;

/** Everything that is not over. */
const watchers = new Set();

/**
 * Follows one task to its end by an EventSource, which comes back by itself and goes on where it was. The listener has
 *
 *   event(type, data, id)   an event of the stream
 *   snapshot(snapshot)      where the task stands, while it has no stream
 *   gone()                  the server does not know the task any more
 *   link(state)             `live`, `polling` or `lost`
 */
export class TaskWatcher {
  #task;
  #listener;
  #source;
  #timer;
  #asking = false;
  #lastEventId = '';

  constructor(task, listener) {
    this.#task = task;
    this.#listener = listener;
    watchers.add(this);
    this.follow();
  }

  follow() {
    clearTimeout(this.#timer);
    if (this.#source || this.#asking || document.hidden || !watchers.has(this)) return;
    const open = [...watchers].filter((watcher) => watcher.#source).length;
    if (open < mostStreams) this.#open();
    else void this.#ask();
  }

  /** Closes the stream; `follow` goes on after the last event that came. */
  pause() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  stop() {
    watchers.delete(this);
    this.pause();
    for (const watcher of watchers) watcher.follow();
  }

  #open() {
    const after = this.#lastEventId === '' ? '' : `?lastEventId=${encodeURIComponent(this.#lastEventId)}`;
    const source = new EventSource(urlOf(this.#task) + after);
    this.#source = source;
    source.addEventListener('open', () => this.#listener.link('live'));
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CONNECTING) {
        this.#listener.link('lost');
        return;
      }
      // It never comes back after an answer that is no stream: 404 for a task that is not there, 204 for one that was
      // watched to its end. The status tells which.
      this.pause();
      void this.#ask();
    });
    for (const type of eventTypes) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        this.#lastEventId = lastEventId;
        // The server ends the response now, after which an EventSource would connect again.
        if (terminalTypes.includes(type)) this.stop();
        this.#listener.event(type, JSON.parse(data), lastEventId);
      });
    }
  }

  async #ask() {
    this.#asking = true;
    let wait = pollInterval;
    try {
      const snapshot = await statusOf(this.#task);
      if (!watchers.has(this)) return;
      if (snapshot === undefined) {
        this.stop();
        this.#listener.gone();
        return;
      }
      this.#listener.snapshot(snapshot);
      if (terminalTypes.includes(snapshot.status)) this.stop();
      else this.#listener.link('polling');
    } catch {
      this.#listener.link('lost');
      wait = retryInterval;
    } finally {
      this.#asking = false;
    }
    if (watchers.has(this)) this.#timer = setTimeout(() => this.follow(), wait);
  }
}

// A tab that nobody sees leaves its connections to the others, and catches up when it is seen again.
document.addEventListener('visibilitychange', () => {
  for (const watcher of watchers) {
    if (document.hidden) watcher.pause();
    else watcher.follow();
  }
});
