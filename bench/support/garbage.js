import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/**
 * Collects all garbage, so that what was done before is not charged to what is measured next.
 *
 * @type {() => void}
 */
export const collectGarbage = runInNewContext('gc');
