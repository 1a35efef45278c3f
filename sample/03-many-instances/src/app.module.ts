import { Module } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { bullmq } from 'nestjs-streaming/bullmq';
import { ImportTask } from './import.task.js';
import { InstancesController } from './instances.controller.js';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

@Module({
  imports: [
    StreamingModule.forRoot({
      // This line is all that makes one application of many processes.
      engine: bullmq({ connection, prefix: 'many-instances' }),
      // Anybody may start, list, watch and cancel here, and nobody but this machine can ask: see nginx.conf.
      http: { start: true, list: true },
      tasks: { announceCancelling: true },
    }),
  ],
  controllers: [InstancesController],
  providers: [ImportTask],
})
export class AppModule {}
