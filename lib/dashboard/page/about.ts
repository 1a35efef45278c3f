import { signal } from '@preact/signals';
import { get } from './api.js';
import type { About } from './types.js';

/** Which task types there are, and what may be done. */
export const about = signal<About | undefined>(undefined);

export async function readAbout(): Promise<void> {
  try {
    about.value = await get<About>('about');
  } catch {
    // The stream of the list tells what is wrong.
  }
}
