import { Module } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { CrawlTask } from './crawl.task.js';
import { Reports } from './reports.js';
import { SiteController } from './site.controller.js';
import { Site } from './site.js';

@Module({
  // Anybody may start and cancel crawls here, and nobody but this machine can ask: see main.ts.
  imports: [StreamingModule.forRoot({ http: { start: true } })],
  controllers: [SiteController],
  providers: [CrawlTask, Reports, Site],
})
export class AppModule {}
