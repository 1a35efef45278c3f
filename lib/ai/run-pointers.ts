import type { TaskTypeRef } from '../client/index.js';

/**
 * What keeps texts: `localStorage` and `sessionStorage` do.
 *
 * @publicApi
 */
export interface RunStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Which run answers a chat. */
export class RunPointers {
  readonly #prefix: string;

  constructor(
    { app, name }: TaskTypeRef,
    private readonly given: RunStorage | false | undefined,
  ) {
    this.#prefix = `nestjs-streaming:${app}/${name}/`;
  }

  /** Looked for when it is used: a server that renders a page has none, and some warn of it. */
  get #storage(): RunStorage | undefined {
    return this.given === undefined ? pageStorage() : this.given || undefined;
  }

  get(chatId: string): string | undefined {
    return this.#storage?.getItem(this.#prefix + chatId) ?? undefined;
  }

  set(chatId: string, id: string): void {
    try {
      this.#storage?.setItem(this.#prefix + chatId, id);
    } catch {
      // It is full: an answer that goes on is not found again, and that is all.
    }
  }

  delete(chatId: string): void {
    this.#storage?.removeItem(this.#prefix + chatId);
  }
}

/** A page may be forbidden to read it. */
function pageStorage(): RunStorage | undefined {
  try {
    return (globalThis as { localStorage?: RunStorage }).localStorage;
  } catch {
    return undefined;
  }
}
