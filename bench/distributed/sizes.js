/** So many tasks run at once on an instance. */
export const concurrency = 100;
