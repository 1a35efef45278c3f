/** What is done when a signal of the application's aborts. */
type OnAbort = (reason: unknown) => void;

interface Followers {
  readonly callbacks: Set<OnAbort>;
  readonly listener: () => void;
}

const followers = new WeakMap<AbortSignal, Followers>();

/**
 * Follows a signal that many tasks may share: it gets one listener, however many they are, and none when they are over.
 *
 * @param signal one that is not aborted
 * @returns no longer follows it
 */
export function followSignal(signal: AbortSignal, onAbort: OnAbort): () => void {
  const { callbacks } = followers.get(signal) ?? listenTo(signal);
  callbacks.add(onAbort);
  return () => {
    if (!callbacks.delete(onAbort) || callbacks.size > 0) return;
    const known = followers.get(signal);
    if (known?.callbacks !== callbacks) return;
    signal.removeEventListener('abort', known.listener);
    followers.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Followers {
  const callbacks = new Set<OnAbort>();
  const listener = (): void => {
    followers.delete(signal);
    for (const callback of callbacks) callback(signal.reason);
  };
  const made = { callbacks, listener };
  signal.addEventListener('abort', listener, { once: true });
  followers.set(signal, made);
  return made;
}
