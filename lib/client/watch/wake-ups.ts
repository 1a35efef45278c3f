import type { Source } from './source.js';

/** What a page has and Node has not. */
interface Page {
  readonly document?: { readonly visibilityState: string };
  readonly navigator?: { readonly onLine?: boolean };
  addEventListener?(type: string, listener: (event: { readonly persisted?: boolean }) => void): void;
  removeEventListener?: Page['addEventListener'];
}

const page = globalThis as unknown as Page;

export function isOffline(): boolean {
  return page.navigator?.onLine === false;
}

/** Has streams opened again at once that cannot have lived on: the page slept, or the network was away. */
export class WakeUps {
  readonly #sources = new Set<Source>();

  add(source: Source): void {
    if (this.#sources.size === 0) this.#listen('addEventListener');
    this.#sources.add(source);
  }

  remove(source: Source): void {
    if (this.#sources.delete(source) && this.#sources.size === 0) this.#listen('removeEventListener');
  }

  #listen(how: 'addEventListener' | 'removeEventListener'): void {
    page[how]?.('online', this.#online);
    page[how]?.('pageshow', this.#pageShown);
    page[how]?.('visibilitychange', this.#visible);
  }

  readonly #online = (): void => {
    for (const source of this.#sources) source.restart();
  };

  readonly #pageShown = ({ persisted }: { readonly persisted?: boolean }): void => {
    if (persisted) this.#online();
  };

  readonly #visible = (): void => {
    if (page.document?.visibilityState !== 'visible') return;
    for (const source of this.#sources) if (source.isSilent) source.restart();
  };
}
