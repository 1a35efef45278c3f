import { cancelTask, terminalTypes } from './api.js';

const causes = { failed: 'failed', lost: 'instance lost', handover: 'instance closed' };

/** One task on the page. Whatever comes from the server is set as text, never as HTML. */
export class TaskView {
  #parts;
  #way = [];
  #cause = '';
  status = 'pending';
  instance = '';
  /** The id of the last event that was shown. */
  after;

  constructor(id, onProblem) {
    this.id = id;
    this.element = document.querySelector('#task').content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(name);
    this.#parts = {
      instance: part('.instance'),
      status: part('.status'),
      cancel: part('.cancel'),
      progress: part('progress'),
      message: part('.message'),
      way: part('.way'),
    };
    part('.id').textContent = id;
    this.#parts.progress.setAttribute('aria-label', `Progress of ${id}`);
    this.#parts.cancel.setAttribute('aria-label', `Cancel ${id}`);
    this.#parts.cancel.addEventListener('click', () => cancelTask(id).catch(onProblem));
    this.#render();
  }

  get isOver() {
    return this.status === 'gone' || terminalTypes.includes(this.status);
  }

  event(type, data) {
    if (type === 'progress') this.#progress(data);
    else if (type === 'gap') this.snapshot(data.snapshot);
    else if (type === 'retrying') this.#cause = causes[data.cause] ?? data.cause;
    else if (type === 'started') this.status = 'running';
    else this.status = type;
    if (type === 'failed') this.#parts.message.textContent = data.message;
    this.#render();
  }

  snapshot(snapshot) {
    if (snapshot === null) this.status = 'gone';
    else {
      this.status = snapshot.status;
      if (snapshot.progress) this.#progress(snapshot.progress);
    }
    this.#render();
  }

  gone() {
    this.status = 'gone';
    this.#render();
  }

  #progress({ percent, message, instance }) {
    this.#parts.progress.value = percent;
    this.#parts.message.textContent = message;
    // An instance that was started again may take back what it ran.
    if (instance === this.instance && this.#cause === '') return;
    this.#way.push(this.#cause === '' ? instance : `(${this.#cause}) → ${instance}`);
    this.#cause = '';
    this.instance = instance;
  }

  #render() {
    const { instance, status, cancel, way } = this.#parts;
    instance.textContent = this.instance;
    instance.dataset.instance = this.instance;
    status.textContent = this.#cause !== '' && !this.isOver ? 'waits for an instance' : this.status;
    cancel.hidden = this.isOver;
    cancel.disabled = this.status === 'cancelling';
    way.textContent = this.#way.length > 1 ? `ran on ${this.#way.join(' ')}` : '';
  }
}
