import { Controller, Get } from '@nestjs/common';
import { Site, type SiteStatus } from './site.js';

/** So that anybody can see what a crawl leaves behind at the other end: nothing. */
@Controller('site')
export class SiteController {
  constructor(private readonly site: Site) {}

  @Get()
  status(): SiteStatus {
    return this.site.status;
  }
}
