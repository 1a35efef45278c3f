import { Module } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { StreamingDashboardModule } from 'nestjs-streaming/dashboard';
import { Corpus } from './corpus.js';
import { CountdownTask } from './countdown.task.js';
import { DataDirectory } from './data-directory.js';
import { DemoController } from './demo.controller.js';
import { FetchTask } from './fetch.task.js';
import { WordCountTask } from './word-count.task.js';

@Module({
  imports: [
    StreamingModule.forRoot({
      // Anybody may start, list, watch and cancel here. A real application sets `authorize` to a provider that decides
      // who may do what, or leaves these two off and starts its tasks in code.
      http: { start: true, list: true },
      // So that every open page shows at once that somebody pressed Cancel.
      tasks: { announceCancelling: true },
    }),
    // In this sample every visitor may do everything in the dashboard. A real application gives `guards`, or an `access` that decides.
    StreamingDashboardModule.forRoot({ path: 'dashboard', access: () => true }),
  ],
  controllers: [DemoController],
  // Task types are ordinary providers; this module's name makes them `app` in the URL: /stream/app/FetchTask/…
  providers: [FetchTask, WordCountTask, CountdownTask, Corpus, DataDirectory],
})
export class AppModule {}
