/** The tasks of this browser, so that a reload finds them again. Oldest first. */
const key = 'nestjs-streaming.quick-start';
const mostTasks = 50;

export function remembered() {
  try {
    const tasks = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(tasks) ? tasks : [];
  } catch {
    // Storage is switched off, or what is there is not ours: the page works, and forgets.
    return [];
  }
}

export function remember(task) {
  store([...without(task), task].slice(-mostTasks));
}

export function forget(task) {
  store(without(task));
}

/** Read again each time: another tab may have added to it. */
function without({ id }) {
  return remembered().filter((other) => other.id !== id);
}

function store(tasks) {
  try {
    localStorage.setItem(key, JSON.stringify(tasks));
  } catch {
    // As above.
  }
}
