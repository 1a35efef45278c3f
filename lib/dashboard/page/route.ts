import { computed, signal } from '@preact/signals';

/** Behind the `#`: which task is shown, or which filter the list has. */
const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export interface Ref {
  readonly app: string;
  readonly name: string;
  readonly id: string;
}

export interface Filter {
  readonly status: string;
  readonly type: string;
  readonly owner: string;
  readonly text: string;
  readonly within: string;
}

export const noFilter: Filter = { status: '', type: '', owner: '', text: '', within: '' };

export const shownTask = computed<Ref | undefined>(() => {
  const [, app, name, id] = /^#\/task\/([^/]+)\/([^/]+)\/([^/?]+)$/.exec(hash.value) ?? [];
  return app && name && id ? { app, name, id } : undefined;
});

export const filter = computed<Filter>(() => {
  if (hash.value.startsWith('#/task/')) return lastFilter;
  const given = new URLSearchParams(hash.value.replace(/^#\/?\??/, ''));
  const read = (name: keyof Filter): string => given.get(name) ?? '';
  lastFilter = {
    status: read('status'),
    type: read('type'),
    owner: read('owner'),
    text: read('text'),
    within: read('within'),
  };
  return lastFilter;
});
/** Kept while a task is shown: the way back leads to the same list. */
let lastFilter = noFilter;

export function taskHref({ app, name, id }: Ref): string {
  return `#/task/${app}/${name}/${id}`;
}

export function listHref(to: Filter = lastFilter): string {
  const given = Object.entries(to).filter(([, value]) => value !== '');
  return `#/${given.length > 0 ? `?${new URLSearchParams(given).toString()}` : ''}`;
}

/** The way back passes over what was typed. */
export function setFilter(changes: Partial<Filter>): void {
  history.replaceState(null, '', listHref({ ...filter.value, ...changes }));
  hash.value = location.hash;
}

export function goTo(href: string): void {
  location.hash = href;
}
