import type { RunEvent } from '../task-types.js';

/** A stream that a tab asks for. */
export interface Ask {
  readonly stream: string;
  readonly tab: string;
  /** The path of each task, and the id of the newest event of it that is known; `''` where none is. */
  readonly tasks: readonly (readonly [path: string, after: string])[];
  readonly from: 'latest' | 'state' | undefined;
}

/** What the tabs tell each other. */
export interface Message {
  /** To the tab that holds the connection. */
  readonly ask?: Ask;
  /** To it: is this stream still there? */
  readonly again?: string;
  /** To it: this stream is not read any more. */
  readonly leave?: string;

  /** To all: another tab holds the connection from now on. */
  readonly isNew?: true;

  /** To these streams. A message with nothing else is a heartbeat. */
  readonly to?: readonly string[];
  /** 200: the stream is open. Anything else ends it, as an answer of the server does. */
  readonly status?: number;
  /** Why it was refused. */
  readonly body?: unknown;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined;
  /** It has lost its connection. */
  readonly isCut?: true;
  readonly event?: RunEvent;
  /** The path of the event's task. */
  readonly task?: string;
}

/** A `BroadcastChannel`. */
export interface Channel {
  addEventListener(type: 'message', listener: (event: { readonly data: Message }) => void): void;
  postMessage(message: Message): void;
  close(): void;
}

/** The parts of a page that sharing needs. Node lacks them. */
export interface Page {
  readonly document?: object;
  readonly location: { readonly href: string };
  readonly BroadcastChannel: new (name: string) => Channel;
  readonly navigator?: { readonly locks?: Locks };
  addEventListener(
    type: 'pagehide' | 'pageshow',
    listener: () => void,
    options: { readonly once: true },
  ): void;
}

export interface LockOptions {
  /** Its abort withdraws a request that waits. */
  readonly signal?: AbortSignal;
}

/** A `LockManager`. A lock is held until what `held` returns is settled. */
export interface Locks {
  request(name: string, options: LockOptions, held: () => Promise<void> | void): Promise<void>;
}
