import { Module } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { AnswerTask } from './answer.task.js';
import { ImportTask } from './import.task.js';
import { UploadsController } from './uploads.controller.js';
import { Uploads } from './uploads.js';

@Module({
  imports: [
    StreamingModule.forRoot({
      // Anybody may start, list, watch and cancel here: see docs/authentication.md for what a real application does.
      http: { start: true, list: true },
      // So that every page shows at once that somebody pressed Stop.
      tasks: { announceCancelling: true },
    }),
  ],
  controllers: [UploadsController],
  providers: [AnswerTask, ImportTask, Uploads],
})
export class AppModule {}
