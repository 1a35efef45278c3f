import { Controller, Get, Header, type Type } from '@nestjs/common';

/** Serves an empty page at `/page`, with an element `root` and a program. */
export function pageController(program: string): Type {
  @Controller('page')
  class PageController {
    @Get()
    @Header('content-type', 'text/html')
    html(): string {
      const icon = '<link rel="icon" href="data:,">';
      return `<!doctype html>${icon}<div id="root"></div><script type="module" src="/page/program"></script>`;
    }

    @Get('program')
    @Header('content-type', 'text/javascript')
    program(): string {
      return program;
    }
  }
  return PageController;
}
