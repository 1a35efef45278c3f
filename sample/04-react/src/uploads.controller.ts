import type { Readable } from 'node:stream';
import { BadRequestException, Controller, Post, Req } from '@nestjs/common';
import { Uploads } from './uploads.js';

@Controller('uploads')
export class UploadsController {
  constructor(private readonly uploads: Uploads) {}

  /** Takes a file as the body, and tells its id. The page starts the import with it. */
  @Post()
  async upload(
    @Req() request: Readable & { readonly headers: NodeJS.Dict<string> },
  ): Promise<{ file: string }> {
    // Nest's body parser may already have read a body of another type.
    if (request.headers['content-type'] !== 'text/csv') throw new BadRequestException('Send text/csv');
    return { file: await this.uploads.save(request) };
  }
}
