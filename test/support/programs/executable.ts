import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What an environment variable names, else the first of some names in some folders or on the `PATH`. */
export function findExecutable(
  variable: string,
  names: readonly string[],
  folders: readonly string[],
): string | undefined {
  const named = process.env[variable];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`${variable} is "${named}", which cannot be run`);
    return named;
  }
  return [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isExecutable);
}
