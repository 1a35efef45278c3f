import { expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from '../../../support/wait.js';
import { describeStore } from '../support.js';

describeStore('the writes of a connection', ({ server, open }) => {
  it('of one turn leave together, in their order, also when it has come back', async () => {
    const { connection } = await open();
    const client = connection.client as Redis;
    const sendTwo = async (): Promise<void> => {
      const { stream } = client;
      const answers = [client.ping('one'), client.ping('two')];
      expect([stream.writableCorked, stream.writableLength > 0]).toEqual([1, true]);
      expect(await Promise.all(answers)).toEqual(['one', 'two']);
      expect([stream.writableCorked, stream.writableLength]).toEqual([0, 0]);
    };
    await sendTwo();
    const before = client.stream;
    await server.killConnections();
    await eventually(() => client.stream !== before && client.status === 'ready');
    await sendTwo();
  });

  it('that wait are sent before it closes', async () => {
    const { connection } = await open();
    const client = connection.client as Redis;
    const other = server.connect();
    client.set('written', 'yes').catch(() => undefined);
    connection.close();
    await eventually(async () => (await other.get('written')) === 'yes');
  });
});
