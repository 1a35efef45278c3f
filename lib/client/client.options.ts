import type { StreamingRequestError } from './errors.js';

/**
 * How often a connection that was lost is tried again.
 *
 * @publicApi
 */
export interface RetryOptions {
  /** The first delay at most, in milliseconds. It doubles with each try; each delay is random up to there. @defaultValue 500 */
  readonly min?: number | undefined;
  /** The longest delay, in milliseconds. What the server asks for may be longer. @defaultValue 30 000 */
  readonly max?: number | undefined;
  /** How many tries in a row may fail. An event begins the count anew. @defaultValue Infinity */
  readonly attempts?: number | undefined;
}

/**
 * For `createStreamingClient()`.
 *
 * @publicApi
 */
export interface StreamingClientOptions {
  /** Where the routes are: `/stream`, `https://api.example.com/stream`. In a page it may be relative. */
  readonly baseUrl: string;
  /** Sent with each request. A function is called before every attempt, so a token may change. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined;
  /** As `fetch` has it. `include` sends cookies to another origin. */
  readonly credentials?: 'omit' | 'same-origin' | 'include' | undefined;
  /** Instead of the global `fetch`. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  readonly retry?: RetryOptions | undefined;
  /** How long an answer may take to begin, in milliseconds. @defaultValue 10 000 */
  readonly openTimeout?: number | undefined;
  /** A stream that is silent for so long is opened again, in milliseconds. @defaultValue 45 000 */
  readonly heartbeatTimeout?: number | undefined;
  /** For the data of events, as `JSON.parse` takes it. */
  readonly reviver?: ((key: string, value: unknown) => unknown) | undefined;
  /**
   * Whether the tabs of an origin share one connection. One tab holds it, and asks with its own headers: for tabs of one user. It needs
   * Web Locks; where they are missing each tab has a connection of its own. @defaultValue false
   */
  readonly shareTabs?: boolean | undefined;
  /** Called for each `401`, and awaited. Then the request is sent once more, with fresh headers. */
  readonly onUnauthorized?: ((error: StreamingRequestError) => unknown) | undefined;
}

export type ResolvedRetry = { readonly [Name in keyof RetryOptions]-?: number };

export interface ResolvedOptions extends StreamingClientOptions {
  readonly retry: ResolvedRetry;
  readonly openTimeout: number;
  readonly heartbeatTimeout: number;
}

export function resolveOptions(options: StreamingClientOptions): ResolvedOptions {
  const { min, max, attempts } = options.retry ?? {};
  return {
    ...options,
    retry: { min: min ?? 500, max: max ?? 30_000, attempts: attempts ?? Infinity },
    openTimeout: options.openTimeout ?? 10_000,
    heartbeatTimeout: options.heartbeatTimeout ?? 45_000,
  };
}
