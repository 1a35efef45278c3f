import { isCluster, type RedisClient } from '../scripts/script.js';

/** What matters of a Redis. */
export interface Server {
  readonly major: number;
  /** Whether its keys are spread over shards. */
  readonly isClustered: boolean;
}

/** The oldest version that will do: `XTRIM MINID` came with it. */
const OLDEST: readonly [number, number] = [6, 2];

/**
 * Looks whether a Redis can hold tasks.
 *
 * @param warn called once for what may cost tasks later
 * @throws Error that says what is wrong
 */
export async function checkServer(client: RedisClient, warn: (message: string) => void): Promise<Server> {
  const info = readInfo(await client.info());
  const version = info.get('redis_version') ?? '0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new Error(`it is version ${version}; ${OLDEST.join('.')} or later is needed`);
  }
  if (!isCluster(client) && info.get('role') === 'slave') {
    throw new Error('it is a replica, which cannot be written to; connect to its master');
  }
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warn(
      `The maxmemory-policy of Redis is "${policy}": when memory is short it drops tasks. Set it to "noeviction"`,
    );
  }
  return { major, isClustered: isCluster(client) || info.get('redis_mode') === 'cluster' };
}

function readInfo(text: string): Map<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const at = line.indexOf(':');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}
