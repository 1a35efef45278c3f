import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { AppModule } from '../src/app.module.js';

describe('CountdownTask (e2e)', () => {
  let app: INestApplication<App>;

  beforeEach(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication();
    await app.init();
  });

  afterEach(() => app.close());

  it('streams its events to the end', async () => {
    await request(app.getHttpServer()).put('/stream/app/CountdownTask/short').send({ from: 1 }).expect(201);
    const stream = await request(app.getHttpServer()).get('/stream/app/CountdownTask/short').expect(200);
    expect(stream.text).toMatch(/event: left\ndata: {"left":1}\n[^]*event: completed\n/);
  });

  it('is cancelled', async () => {
    await request(app.getHttpServer()).put('/stream/app/CountdownTask/long').send({ from: 600 }).expect(201);
    await request(app.getHttpServer()).delete('/stream/app/CountdownTask/long').expect(202);
    const stream = await request(app.getHttpServer()).get('/stream/app/CountdownTask/long').expect(200);
    expect(stream.text).toContain('event: cancelled');
  });

  it('refuses an input that its class does not allow', () =>
    request(app.getHttpServer()).put('/stream/app/CountdownTask/wrong').send({ from: 0 }).expect(400));
});
