import { instances, isGone, listTasks, startTask, terminalTypes, watchTasks } from './api.js';
import { TaskView } from './task-view.js';

const refreshInterval = 2_000;
const $ = (selector) => document.querySelector(selector);

/** By id. */
const views = new Map();
/** The ids of the tasks on the stream, and what ends it. */
let watched = [];
let stop = new AbortController();

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
  const shown = [...views.values()].filter((view) => !view.isOver);
  // A stream goes on for those that are left when one of its tasks ends.
  if (shown.every(({ id }) => watched.includes(id))) return;
  stop.abort();
  stop = new AbortController();
  watched = shown.map(({ id }) => id);
  for (const [at, run] of watchTasks(shown).entries()) void read(run, shown[at], stop.signal);
}

async function read(run, view, signal) {
  try {
    for await (const { id, type, data } of run.events({ signal })) {
      view.after = id;
      view.event(type, data);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (isGone(error)) view.gone();
    else showProblem(error);
    // It is watched again with the next refresh.
    watched = watched.filter((id) => id !== view.id);
  }
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
