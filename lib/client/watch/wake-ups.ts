/** What a page tells a stream that cannot have lived on, as the page slept or the network was away, or that must not. */
export interface PageEvent {
  readonly type: string;
  /** Of `pageshow`: the page comes from the back/forward cache. */
  readonly persisted?: boolean;
}

type Listener = (event: PageEvent) => void;

/** What a page has and Node has not. */
interface Page {
  readonly document?: { readonly hidden: boolean };
  readonly navigator?: { readonly onLine?: boolean };
  addEventListener?(type: string, listener: Listener, capture: boolean): void;
  removeEventListener?: Page['addEventListener'];
}

export const page = globalThis as unknown as Page;

export function isOffline(): boolean {
  return page.navigator?.onLine === false;
}

export function listen(how: 'addEventListener' | 'removeEventListener', listener: Listener): void {
  // `resume` does not bubble from the document.
  for (const type of ['online', 'pagehide', 'pageshow', 'resume', 'visibilitychange'])
    page[how]?.(type, listener, true);
}
