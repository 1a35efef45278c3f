import { readProperty, textOf } from '../../../cancellation/read-error.js';
import { isCluster, type RedisClient } from '../scripts/script.js';

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

/** Whether trying again does not help. */
export function isFinal(error: unknown): boolean {
  return /(^|\. )(WRONGPASS|NOAUTH|NOPERM|ERR (invalid|Client sent|DB index) )/.test(explain(error));
}

/** Not so one of a command that was waiting when the connection failed. */
export function saysWhy(error: unknown): boolean {
  return !/Connection is closed\.?$/.test(explain(error));
}

/** What an error says, with the newest one of the nodes of a cluster. */
export function explain(error: unknown): string {
  const ofNode = readProperty(error, 'lastNodeError');
  return ofNode ? `${explainOne(error)} ${explainOne(ofNode)}` : explainOne(error);
}

/** Where a name has several addresses, Node's own error says nothing, and those of the addresses do. */
function explainOne(error: unknown): string {
  const message = readProperty(error, 'message');
  if (typeof message === 'string' && message !== '') return message;
  const errors = readProperty(error, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return errors.map(explainOne).join('; ');
  return textOf(readProperty(error, 'code') ?? error);
}
