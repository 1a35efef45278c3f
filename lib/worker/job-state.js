// @ts-check
/** What the thread of a job and the thread that has started it both see, in shared memory. */

/** `cancelled` is 1 when the job is to end. */
export const JobField = Object.freeze({ cancelled: 0, phase: 1 });

/** It waits for a thread, runs in one, or has ended because it was told to. */
export const JobPhase = Object.freeze({ waiting: 0, running: 1, cancelled: 2 });
