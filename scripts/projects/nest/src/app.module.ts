import { Module } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';
import { CountdownTask } from './countdown.task.js';

@Module({
  imports: [StreamingModule.forRoot({ http: { start: true } })],
  controllers: [AppController],
  providers: [AppService, CountdownTask],
})
export class AppModule {}
