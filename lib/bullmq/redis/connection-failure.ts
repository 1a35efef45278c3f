import { readProperty, textOf } from '../../cancellation/read-error.js';
import { isCluster, type RedisClient } from './scripts/script.js';

/** Host and port of what a client connects to, and nothing else of its options. */
export function placeOf(client: RedisClient): string {
  if (isCluster(client)) return listOf('the cluster', readProperty(client, 'startupNodes'));
  const { host, port, path, sentinels, name } = client.options;
  if (sentinels) return listOf(`"${name ?? ''}" of the sentinels`, sentinels);
  return path ?? placeOfNode({ host, port });
}

function listOf(what: string, nodes: unknown): string {
  const places = (Array.isArray(nodes) ? nodes : []).map(placeOfNode);
  return places.length > 0 ? `${what} ${places.join(', ')}` : what;
}

/** A node may be given as options, as a URL or as a port. */
function placeOfNode(node: unknown): string {
  if (typeof node === 'string' && URL.canParse(node)) {
    const { hostname, port } = new URL(node);
    return `${hostname}:${port || 6379}`;
  }
  if (typeof node !== 'object') return `localhost:${textOf(node)}`;
  const { host, port } = node as { host?: string | null; port?: number | string };
  return `${host ?? 'localhost'}:${port ?? 6379}`;
}

/** What an error says. Where a name has several addresses, Node's own says nothing, and those of the addresses do. */
export function explain(error: unknown): string {
  const message = readProperty(error, 'message');
  if (typeof message === 'string' && message !== '') return message;
  const errors = readProperty(error, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return errors.map(explain).join('; ');
  return textOf(readProperty(error, 'code') ?? error);
}
