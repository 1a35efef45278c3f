import { readProperty } from '../../cancellation/read-error.js';

const NAMES = ['email', 'username', 'name', 'id', 'sub'];

/** Who asks, as guards usually leave it, or else from where. */
export function nameOfAsker(request: object): string | undefined {
  const user = readProperty(request, 'user');
  if (typeof user === 'string' && user !== '') return user;
  for (const name of NAMES) {
    const value = readProperty(user, name);
    if (typeof value === 'number' || (typeof value === 'string' && value !== '')) return String(value);
  }
  const address = readProperty(request, 'ip');
  return typeof address === 'string' ? address : undefined;
}
