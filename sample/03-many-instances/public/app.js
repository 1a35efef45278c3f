import { instances, listTasks, startTask, streamOf, terminalTypes } from './api.js';
import { TaskView } from './task-view.js';

const refreshInterval = 2_000;
const reopenInterval = 1_000;
const eventTypes = ['started', 'progress', 'retrying', 'cancelling', 'gap', ...terminalTypes];
const $ = (selector) => document.querySelector(selector);

/** By id. */
const views = new Map();
let source;
let watched = '';
let lastEventId = '';
let timer;

$('#start').addEventListener('submit', (event) => {
  event.preventDefault();
  const { rows, count } = Object.fromEntries(new FormData(event.target));
  const starts = Array.from({ length: Number(count) }, () => startTask({ rows: Number(rows) }));
  Promise.all(starts).then(refresh, showProblem);
});
$('#clear').addEventListener('click', () => {
  for (const view of views.values()) if (view.isOver) view.element.hidden = true;
});
setInterval(() => void refresh(), refreshInterval);
void refresh();

/** Tasks may have been started by others, through any instance. */
async function refresh() {
  try {
    const [tasks, info] = await Promise.all([listTasks(), instances()]);
    for (const task of tasks.toReversed()) if (!views.has(task.id)) show(task);
    watch();
    showInstances(info);
    $('#problem').hidden = true;
  } catch (error) {
    showProblem(error);
  }
}

function show(task) {
  const view = new TaskView(task.id, showProblem);
  // What is over sends nothing more.
  if (terminalTypes.includes(task.status)) view.snapshot(task);
  views.set(task.id, view);
  $('#tasks').prepend(view.element);
}

/** All tasks on one stream, as a browser opens six connections to a server at most. */
function watch() {
  const ids = [...views.values()].filter((view) => !view.isOver).map(({ id }) => id);
  // A stream goes on for those that are left when one of its tasks ends.
  if (ids.every((id) => watched.split(' ').includes(id)) && source?.readyState !== EventSource.CLOSED) return;
  open(ids);
}

function open(ids) {
  clearTimeout(timer);
  source?.close();
  watched = ids.join(' ');
  if (ids.length === 0) return;
  const opened = streamOf(ids, lastEventId);
  source = opened;
  for (const type of eventTypes) {
    opened.addEventListener(type, (event) => {
      lastEventId = event.lastEventId;
      const { task, data } = JSON.parse(event.data);
      views.get(task.split('/').at(-1))?.event(type, data);
    });
  }
  opened.addEventListener('unavailable', ({ data }) => {
    const { task, code } = JSON.parse(data);
    if (code === 'TASK_NOT_FOUND') views.get(task.split('/').at(-1))?.gone();
  });
  opened.addEventListener('error', () => {
    // It comes back by itself, unless the answer was an error or said that all is over.
    if (opened.readyState === EventSource.CLOSED && source === opened)
      timer = setTimeout(watch, reopenInterval);
  });
}

function showInstances({ instances: names, answeredBy }) {
  const items = names.map((name) => {
    const count = [...views.values()].filter((view) => view.instance === name && !view.isOver).length;
    const item = document.createElement('li');
    item.dataset.instance = name;
    item.textContent = `${name}: ${count}`;
    return item;
  });
  $('#instances').replaceChildren(...items);
  $('#answered').textContent = `The last answer came from ${answeredBy}.`;
}

function showProblem({ message }) {
  $('#problem').textContent = message;
  $('#problem').hidden = false;
}
