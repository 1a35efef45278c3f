/** The licences of the packages that are in a bundle: they have to stand beside it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} bundle its name, for the reader
 * @param {string[]} inputs the files that it was made of, from the root of the checkout
 */
export function licencesOf(bundle, inputs) {
  const packages = new Set(
    inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []),
  );
  const licences = [...packages].toSorted().map((folder) => {
    const { name, version } = manifestOf(folder);
    const file = readdirSync(join(ROOT, folder)).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${folder} has no licence`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, folder, file), 'utf8').trim()}\n`;
  });
  return `${bundle} contains these packages.\n\n${licences.join('\n---\n\n')}`;
}

/** @param {string} folder */
export function manifestOf(folder) {
  const text = readFileSync(join(ROOT, folder, 'package.json'), 'utf8');
  return /** @type {{ name: string, version: string }} */ (JSON.parse(text));
}
