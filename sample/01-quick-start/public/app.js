import { attachTo, demoInfo, explain, listTasks, startTask, terminalTypes } from './api.js';
import { forget, remember, remembered } from './memory.js';
import { TaskCard } from './task-card.js';

const refreshInterval = 5_000;
const $ = (selector) => document.querySelector(selector);

/** By id. */
const cards = new Map();

/** What each form sends, and what its task is called by on the page. */
const forms = {
  FetchTask: (fields) => ({ input: { url: fields.get('url') }, subtitle: fields.get('url') }),
  WordCountTask: (fields) => ({ input: { file: fields.get('file') }, subtitle: fields.get('file') }),
  CountdownTask: (fields) => ({
    input: { seconds: Number(fields.get('seconds')) },
    subtitle: `from ${fields.get('seconds')}`,
  }),
};

// The newest stands first, so the oldest is shown first.
for (const task of remembered()) show(task);
updateTasks();
for (const form of document.querySelectorAll('.starter')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void start(form);
  });
}
$('#clear').addEventListener('click', () => {
  for (const card of cards.values()) if (card.isOver) card.remove();
});
document.addEventListener('visibilitychange', () => void refresh());
setInterval(() => void refresh(), refreshInterval);
void refresh();

async function start(form) {
  const { task: name } = form.dataset;
  const button = form.querySelector('[type=submit]');
  const problem = form.querySelector('.problem');
  const { input, subtitle } = forms[name](new FormData(form));
  button.disabled = true;
  problem.hidden = true;
  try {
    const run = await startTask(name, input);
    const task = { name, id: run.id, subtitle, createdAt: new Date().toISOString() };
    remember(task);
    show(task, run).openLog();
    updateTasks();
  } catch (error) {
    problem.textContent = explain(error);
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
}

function show(task, run = attachTo(task)) {
  const card = new TaskCard(task, run, {
    onEnd: (ended) => {
      $('#announcer').textContent = ended.summary;
      updateTasks();
      // A download is a file that can be counted.
      if (task.name === 'FetchTask') void refresh();
    },
    onRemove: () => {
      cards.delete(task.id);
      forget(task);
      updateTasks();
      void refresh();
    },
    onLink: showConnection,
    explainGone,
  });
  cards.set(task.id, card);
  $('#tasks').prepend(card.element);
  return card;
}

async function explainGone({ createdAt }) {
  const { startedAt } = await demoInfo().catch(() => ({}));
  return startedAt !== undefined && createdAt > startedAt
    ? 'This task is gone: it ended, and the server keeps ended tasks for a few minutes.'
    : 'This task is gone: the server was restarted.';
}

function updateTasks() {
  $('#empty').hidden = cards.size > 0;
  $('#clear').hidden = ![...cards.values()].some((card) => card.isOver);
}

/** What this server offers, and what others started on it. */
async function refresh() {
  if (document.hidden) return;
  try {
    // One after the other: the client goes on asking a server that is not there.
    const { downloads, files } = await demoInfo();
    const tasks = await listTasks();
    showDownloads(downloads);
    showFiles(files);
    showOthers(tasks.filter(({ id, status }) => !cards.has(id) && !terminalTypes.includes(status)));
    showConnection(true);
  } catch {
    showConnection(false);
  }
}

function showConnection(isOnline) {
  const element = $('#connection');
  const text = isOnline ? 'Connected' : 'The server is not there; trying again …';
  if (element.textContent === text) return;
  element.dataset.state = isOnline ? 'online' : 'offline';
  element.textContent = text;
}

function showDownloads(downloads) {
  const picks = $('#downloads');
  if (picks.childElementCount > 0) return;
  for (const { label, url } of downloads) {
    const button = makeButton('', label, () => {
      const { form } = $('[name=url]');
      form.elements.url.value = url;
      form.requestSubmit();
    });
    button.title = url;
    picks.append(button);
  }
}

function showFiles(files) {
  const select = $('#files');
  if ([...select.options].map(({ value }) => value).join() === files.join()) return;
  const { value } = select;
  select.replaceChildren(...files.map((file) => new Option(file, file)));
  if (files.includes(value)) select.value = value;
}

function showOthers(tasks) {
  $('#others').hidden = tasks.length === 0;
  const items = tasks.map((task) => {
    const item = document.createElement('li');
    const name = document.createElement('strong');
    const id = document.createElement('span');
    name.textContent = task.name;
    id.className = 'id';
    id.textContent = task.id;
    const watch = makeButton('quiet', 'Watch', () => {
      const { createdAt } = task;
      const adopted = { name: task.name, id: task.id, subtitle: task.id, createdAt };
      remember(adopted);
      show(adopted).openLog();
      updateTasks();
      void refresh();
    });
    watch.setAttribute('aria-label', `Watch ${task.name} ${task.id}`);
    item.append(name, id, watch);
    return item;
  });
  $('#other-tasks').replaceChildren(...items);
}

function makeButton(className, text, onClick) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = className;
  button.textContent = text;
  button.addEventListener('click', onClick);
  return button;
}
