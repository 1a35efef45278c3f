import { explain, terminalTypes } from './api.js';
import { TaskWatcher } from './task-watcher.js';

const labels = {
  connecting: 'Connecting',
  pending: 'Pending',
  running: 'Running',
  waiting: 'Waiting for you',
  cancelling: 'Cancelling',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  timeout: 'Timed out',
  gone: 'Gone',
};

/** As events name them, and as snapshots do. */
const reasons = {
  external_cancellation: 'Cancelled on request.',
  external: 'Cancelled on request.',
  shutdown: 'Cancelled: the server was shut down.',
};

const limits = {
  total: 'It took longer than',
  idle: 'Nothing happened for',
  pending: 'It waited for longer than',
};

/** Of a longer log the oldest lines leave the page. */
const mostLines = 300;
const longestLine = 300;

/** One task on the page, from its events. Whatever comes from the server is set as text, never as HTML. */
export class TaskCard {
  #task;
  #hooks;
  #watcher;
  #parts;
  #events = 0;
  #status = 'connecting';
  #progress = {};
  #note = '';
  #problem = '';

  /**
   * @param task `{ name, id, subtitle }`
   * @param run what the client has of it
   * @param hooks `onEnd(card)`, `onRemove(card)`, `onLink(isOnline)`, `explainGone()`
   */
  constructor(task, run, hooks) {
    this.#task = task;
    this.#hooks = hooks;
    const { content } = document.querySelector('#task-card');
    this.element = content.firstElementChild.cloneNode(true);
    const part = (selector) => this.element.querySelector(selector);
    this.#parts = {
      chip: part('.chip'),
      bar: part('.bar'),
      fill: part('.fill'),
      message: part('.message'),
      result: part('.result'),
      go: part('.continue'),
      cancel: part('.cancel'),
      remove: part('.remove'),
      link: part('.link'),
      count: part('.count'),
      log: part('.log ol'),
    };
    part('h3').textContent = task.name;
    part('.subtitle').textContent = task.subtitle;
    part('.subtitle').title = `${task.subtitle} · ${task.id}`;
    this.element.setAttribute('aria-label', `${task.name} ${task.subtitle}`);
    this.#parts.bar.setAttribute('aria-label', `Progress of ${task.name}`);
    this.#parts.cancel.addEventListener('click', () => this.#act(this.#parts.cancel, () => run.cancel()));
    this.#parts.go.addEventListener('click', () =>
      this.#act(this.#parts.go, () => run.signal(this.#progress.waitingFor)),
    );
    this.#parts.remove.addEventListener('click', () => this.remove());
    this.#render();
    this.#watcher = new TaskWatcher(run, this);
  }

  get task() {
    return this.#task;
  }

  get isOver() {
    return this.#status === 'gone' || terminalTypes.includes(this.#status);
  }

  /** What it is and how it stands, to be read aloud. */
  get summary() {
    return `${this.#task.name} ${this.#task.subtitle}: ${labels[this.#status]}`;
  }

  openLog() {
    this.element.querySelector('.log').open = true;
  }

  remove() {
    this.#watcher.stop();
    this.element.remove();
    this.#hooks.onRemove(this);
  }

  // What the watcher tells

  event(type, data, id) {
    this.#appendLine(type, data, id);
    // null where the store has lost the task.
    if (type === 'gap') this.#take(data.snapshot ?? { status: 'gone' });
    else this.#apply(type, data);
    this.#render();
    if (terminalTypes.includes(type)) this.#hooks.onEnd(this);
  }

  snapshot(snapshot) {
    this.#take(snapshot);
    this.#render();
    if (this.isOver) this.#hooks.onEnd(this);
  }

  async gone() {
    this.#status = 'gone';
    this.#note = await this.#hooks.explainGone(this.#task);
    this.#render();
    this.#hooks.onEnd(this);
  }

  refused(error) {
    this.#problem = explain(error);
    this.#render();
  }

  link(isOnline) {
    this.#parts.link.textContent = isOnline ? '' : 'reconnecting …';
    this.#hooks.onLink(isOnline);
    // The stream of a task that waits for its turn has no event yet.
    if (isOnline && this.#status === 'connecting') {
      this.#status = 'pending';
      this.#render();
    }
  }

  // What it means

  #apply(type, data) {
    switch (type) {
      case 'started':
        this.#status = 'running';
        break;
      case 'progress':
        this.#progress = data;
        // A handler may still report while it cleans up.
        if (this.#status !== 'cancelling') this.#status = 'running';
        break;
      case 'retrying':
        this.#progress = { message: `${data.message}; next try in ${data.delay / 1_000} s` };
        break;
      case 'cancelling':
        this.#status = 'cancelling';
        break;
      case 'completed':
        this.#end('completed', '');
        this.#showResult(data.finalValue);
        break;
      case 'failed':
        this.#end('failed', data.message);
        break;
      case 'cancelled':
        this.#end('cancelled', reasons[data.reason] ?? `Cancelled: ${data.reason}`);
        break;
      case 'timeout':
        this.#end('timeout', `${limits[data.of]} ${data.timeout / 1_000} s.`);
        break;
    }
  }

  /** A snapshot has what the events before it said. */
  #take({ status, progress, finalValue, error, cancellation }) {
    this.#status = status;
    this.#progress = progress ?? {};
    if (status === 'completed') this.#showResult(finalValue);
    else if (error) this.#note = error.message;
    else if (cancellation) this.#note = reasons[cancellation.kind] ?? `Cancelled: ${cancellation.kind}`;
  }

  #end(status, note) {
    this.#status = status;
    this.#note = note;
    this.#problem = '';
  }

  async #act(button, send) {
    button.disabled = true;
    this.#problem = '';
    try {
      // It gives `false` for a task that ended in the meantime, which its stream tells.
      await send();
    } catch (error) {
      this.#problem = explain(error);
    }
    button.disabled = false;
    this.#render();
  }

  // How it looks

  #render() {
    const { chip, bar, fill, message, go, cancel, remove } = this.#parts;
    const waits = this.#status === 'running' && this.#progress.waitingFor !== undefined;
    const state = waits ? 'waiting' : this.#status;
    this.element.dataset.state = state;
    chip.textContent = labels[state];

    const percent = this.#status === 'completed' ? 100 : this.#progress.percent;
    bar.classList.toggle('endless', percent === undefined && state === 'running');
    fill.style.width = percent === undefined ? '' : `${percent}%`;
    if (percent === undefined) bar.removeAttribute('aria-valuenow');
    else bar.setAttribute('aria-valuenow', String(percent));

    const pending = state === 'pending' ? 'Waits for its turn.' : '';
    message.textContent =
      this.#problem || this.#note || (this.isOver ? '' : (this.#progress.message ?? pending));
    message.hidden = this.isOver && message.textContent === '';
    go.hidden = !waits;
    cancel.hidden = this.isOver;
    cancel.disabled = state === 'cancelling';
    remove.hidden = !this.isOver;
    if (this.isOver) this.#parts.link.textContent = '';
  }

  #showResult(value) {
    const { result } = this.#parts;
    result.replaceChildren();
    for (const [key, item] of Object.entries(value ?? {})) {
      const term = document.createElement('dt');
      const description = document.createElement('dd');
      term.textContent = key;
      description.textContent = textOf(item);
      result.append(term, description);
    }
    result.hidden = result.childElementCount === 0;
  }

  #appendLine(type, data, id) {
    const { log, count } = this.#parts;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
    const line = document.createElement('li');
    const json = JSON.stringify(data);
    line.append(
      cell('id', id),
      cell('type', type),
      cell('data', json.length > longestLine ? `${json.slice(0, longestLine)}…` : json),
    );
    line.children[1].dataset.type = type;
    log.append(line);
    if (log.childElementCount > mostLines) log.firstElementChild.remove();
    count.textContent = String(++this.#events);
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
}

function cell(className, text) {
  const span = document.createElement('span');
  span.className = className;
  span.textContent = text;
  return span;
}

function textOf(value) {
  if (typeof value === 'number') return value.toLocaleString('en');
  if (Array.isArray(value))
    return value.map(({ word, count }) => `${word} ${count.toLocaleString('en')}`).join(' · ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
