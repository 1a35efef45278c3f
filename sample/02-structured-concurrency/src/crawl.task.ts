import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { Crawl, type CrawlSummary } from './crawl.js';
import { type CrawlInput, crawlInput } from './crawl.input.js';
import { PageClient } from './page-client.js';
import { Reports } from './reports.js';
import { Site } from './site.js';

/** Crawls the site, and writes down how far it came, whatever ends it. */
@StreamTask({ input: crawlInput, timeout: 300_000 })
export class CrawlTask implements TaskHandler<CrawlInput, CrawlSummary> {
  constructor(
    private readonly site: Site,
    private readonly reports: Reports,
  ) {}

  async process(task: TaskContext<CrawlInput>): Promise<CrawlSummary> {
    const { concurrency } = task.input;
    using client = new PageClient(this.site.url, { connections: concurrency, userAgent: `crawl/${task.id}` });
    const crawl = new Crawl(task, client);
    try {
      await crawl.run();
      return crawl.summary;
    } finally {
      // Writing a file takes time, which a cancelled task has none of, but for what it shields.
      await task.shield(
        async ({ signal }) => {
          const { summary } = crawl;
          await this.reports.write(task.id, summary, signal);
          await task.sendEvent('summary', { ...summary });
        },
        { timeout: 2_000 },
      );
    }
  }
}
