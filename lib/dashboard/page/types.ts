export const statuses = [
  'pending',
  'running',
  'cancelling',
  'completed',
  'failed',
  'cancelled',
  'timeout',
] as const;
export type Status = (typeof statuses)[number];

export const labels: Readonly<Record<Status, string>> = {
  pending: 'Waiting',
  running: 'Running',
  cancelling: 'Cancelling',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  timeout: 'Timed out',
};

export function isActive(status: Status): boolean {
  return status === 'pending' || status === 'running' || status === 'cancelling';
}

/** A task in the list. Times are epoch milliseconds. */
export interface Row {
  readonly key: string;
  readonly app: string;
  readonly name: string;
  readonly id: string;
  readonly status: Status;
  readonly attempt: number;
  readonly owner?: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly percent?: number;
  readonly message?: string;
  readonly watchers: number;
}

export interface Summary {
  readonly counts: Readonly<Partial<Record<Status, number>>>;
  readonly total: number;
  readonly active: number;
  /** Of each of the last minutes how many completed, failed, and were cancelled. */
  readonly history: readonly (readonly [number, number, number])[];
  readonly fault?: string;
}

export interface ListMessage {
  readonly now: number;
  readonly summary: Summary;
  readonly rows: readonly Row[];
  readonly gone: readonly string[];
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Snapshot {
  readonly app: string;
  readonly name: string;
  readonly id: string;
  readonly status: Status;
  readonly createdAt: string;
  readonly attempt?: number;
  readonly owner?: string;
  readonly metadata?: Json;
  readonly startedAt?: string | null;
  readonly endedAt?: string | null;
  readonly progress?: { readonly percent?: number; readonly message?: string } | null;
  readonly finalValue?: Json;
  readonly state?: Json;
  readonly error?: { readonly message: string; readonly errorType: string } | null;
  readonly cancellation?: Cancellation | null;
  readonly watchers?: number;
  readonly inputBytes?: number;
  readonly watchedBy?: WatchedBy;
  /** Nothing else may be shown. */
  readonly isHidden?: true;
}

/** Who watches over HTTP, on the instance that serves the page. */
export interface WatchedBy {
  readonly names: readonly { readonly name?: string; readonly streams: number }[];
  /** Streams of those that are not listed. */
  readonly others: number;
  readonly isPart?: true;
}

export interface Cancellation {
  readonly kind: string;
  readonly detail?: string;
  readonly by?: string;
  readonly of?: string;
  readonly timeout?: number;
}

/** When a cancellation went on, as far as it was seen. */
export interface CancelTimes {
  readonly requestedAt?: number;
  readonly acceptedAt?: number;
  readonly seenAt?: number;
}

export interface TaskEvent {
  readonly id: string;
  readonly type: string;
  readonly data?: Json;
  readonly timestamp?: number;
  readonly isHidden?: true;
}

export type Rights = Readonly<Partial<Record<'cancel' | 'signal' | 'start', boolean>>>;

/** JSON Schema, as far as a form is made of it. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly default?: Json;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly nullable?: boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

export interface TaskType {
  readonly app: string;
  readonly name: string;
  readonly schema?: Schema;
  readonly mayStart: boolean;
}

export interface About {
  readonly types: readonly TaskType[];
  readonly mayBulk: boolean;
  readonly by?: string;
}
