import { Controller, Get, Header } from '@nestjs/common';
import { transpile } from './client-controller.js';

/** A page whose program is `page/watch.ts`. It needs the `ClientController`. */
@Controller('watch')
export class WatchController {
  @Get('page')
  @Header('content-type', 'text/html')
  page(): string {
    const imports = {
      'eventsource-parser': '/client/parser',
      'nestjs-streaming/client': '/client/lib/index.js',
    };
    return `<!doctype html><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/watch/program"></script>`;
  }

  @Get('program')
  @Header('content-type', 'text/javascript')
  program(): string {
    return transpile('test/client/page/watch.ts');
  }
}
