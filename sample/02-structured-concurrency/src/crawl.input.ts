import { z } from 'zod';

export const crawlInput = z.object({
  /** Pages that are read at the same time. */
  concurrency: z.int().min(1).max(20).default(3),
  /** Most milliseconds for one try of one page. */
  pageTimeout: z.int().min(1).max(60_000).default(2_000),
  /** Tries of a page that fails. */
  attempts: z.int().min(1).max(10).default(3),
});

export type CrawlInput = z.infer<typeof crawlInput>;

/** The body of a `skip` signal. Any client may send anything there. */
export const skipRequest = z.object({ path: z.string() });
