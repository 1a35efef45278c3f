import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { readProperty } from '../../../cancellation/read-error.js';
import { show } from '../../../task/options/check-options.js';
import { InvalidOptionsError } from '../../../task/errors.js';
import type { RedisClient } from '../scripts/script.js';

/** What BullMQ takes too: ioredis options, a `redis://` or `rediss://` URL, or an ioredis instance, which is never closed here. */
export type StoreConnectionOptions = RedisOptions | string | Redis | Cluster;

/** BullMQ refuses it, too. */
const KEY_PREFIX = 'its "keyPrefix" must not be set; give "prefix" to bullmq() instead';

/** By its shape: the application may have another copy of ioredis. */
export function isClient(options: StoreConnectionOptions): options is RedisClient {
  return typeof options === 'object' && 'duplicate' in options;
}

/**
 * @param where the options were given, for the message
 * @throws InvalidOptionsError, which shows nothing of a URL: there may be a password in it
 */
export function checkConnection(where: string, value: unknown): void {
  const fault = faultOf(value);
  if (fault !== undefined) {
    throw new InvalidOptionsError(
      `Wrong option "connection" in ${where}: expected ioredis options such as { host, port }, a redis:// or rediss:// URL, or an ioredis instance; ${fault}`,
    );
  }
}

function faultOf(value: unknown): string | undefined {
  if (value === undefined) return 'it is missing';
  if (typeof value === 'string') return faultOfUrl(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `it is ${show(value)}`;
  const has = (name: string): boolean => typeof readProperty(value, name) === 'function';
  const isInstance = has('connect') && has('duplicate');
  if (isInstance && !has('defineCommand')) return 'it is a client of another library';
  const options = isInstance ? readProperty(value, 'options') : value;
  const prefixes = [options, readProperty(options, 'redisOptions')].map((each) =>
    readProperty(each, 'keyPrefix'),
  );
  if (prefixes.some(Boolean)) return KEY_PREFIX;
  return isInstance ? undefined : faultOfOptions(value);
}

function faultOfUrl(text: string): string | undefined {
  // With an "@" it may have a password.
  if (/^[\w.-]+:\d+$/.test(text)) return `it is no URL: write redis://${text}`;
  if (!URL.canParse(text)) return 'it is text that is no URL';
  const { protocol, searchParams } = new URL(text);
  if (!['redis:', 'rediss:'].includes(protocol)) return `it is a URL that begins with ${protocol}`;
  return searchParams.has('keyPrefix') ? KEY_PREFIX : undefined;
}

function faultOfOptions(options: object): string | undefined {
  const { host, port, path, sentinels } = options as Partial<Record<keyof RedisOptions, unknown>>;
  if (Object.hasOwn(options, 'url')) return 'its "url" is no option of ioredis; give the URL itself';
  if (host !== undefined && typeof host !== 'string') return `its "host" is ${show(host)}`;
  if (path !== undefined && typeof path !== 'string') return `its "path" is ${show(path)}`;
  if (sentinels !== undefined && !Array.isArray(sentinels)) return `its "sentinels" is ${show(sentinels)}`;
  // A port from the environment is text, which ioredis takes.
  if (port === undefined || isPort(Number(port))) return undefined;
  return `its "port" is ${show(port)}`;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
