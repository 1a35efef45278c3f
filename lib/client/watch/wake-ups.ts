interface Wake {
  readonly type: string;
  /** Of `pageshow`: the page comes from the back/forward cache. */
  readonly persisted?: boolean;
}

/** What a page has and Node has not. */
interface Page {
  readonly document?: { readonly visibilityState: string };
  readonly navigator?: { readonly onLine?: boolean };
  addEventListener?(type: string, listener: (event: Wake) => void): void;
  removeEventListener?: Page['addEventListener'];
}

const page = globalThis as unknown as Page;

export function isOffline(): boolean {
  return page.navigator?.onLine === false;
}

/**
 * Tells a stream when it cannot have lived on: the page slept, or the network was away.
 *
 * @param wake called when the network or the page is back, or, with `true`, when the page is only shown again
 * @returns what ends it
 */
export function onWakeUp(wake: (isShown: boolean) => void): () => void {
  const listener = ({ type, persisted }: Wake): void => {
    if (type === 'online' || persisted) wake(false);
    else if (type !== 'pageshow' && page.document?.visibilityState === 'visible') wake(true);
  };
  const each = (how: 'addEventListener' | 'removeEventListener'): void => {
    for (const type of ['online', 'pageshow', 'visibilitychange']) page[how]?.(type, listener);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}
