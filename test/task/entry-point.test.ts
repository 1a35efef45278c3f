import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as main from 'nestjs-streaming';
import * as task from 'nestjs-streaming/task';
import { InstalledPackage } from '../support/programs/installed.js';

describe('nestjs-streaming/task', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = new InstalledPackage(['cancellation', 'task'], ['reflect-metadata']);
  });
  afterAll(() => installed[Symbol.dispose]());

  it('has what a file with a task needs, and it is that of the main entry point', () => {
    expect(Object.keys(task).toSorted()).toEqual(['StreamTask', 'TaskContext']);
    expect(task.StreamTask).toBe(main.StreamTask);
    expect(task.TaskContext).toBe(main.TaskContext);
  });

  it('decorates a class, with the types of its constructor, before anything of Nest is loaded', async () => {
    const { code, stdout, stderr } = await installed.run(`
      import { StreamTask } from 'nestjs-streaming/task';
      class Reports {}
      class ReportTask {}
      // What the compiler makes of "@StreamTask() class ReportTask { constructor(reports: Reports) {} }".
      StreamTask({ timeout: 10 })(ReportTask);
      Reflect.metadata('design:paramtypes', [Reports])(ReportTask);
      const keys = Reflect.getMetadataKeys(ReportTask);
      console.log(keys.length, Reflect.getMetadata(Symbol.for('nestjs-streaming:stream-task'), ReportTask).timeout);
    `);
    expect(stderr).toBe('');
    expect(stdout).toBe('2 10\n');
    expect(code).toBe(0);
  });
});
