import { SampleApp } from './sample-app.js';

/** The built quick start as a process of its own. */
export type QuickStart = SampleApp;

export const QuickStart = {
  /**
   * @param port default: a free one
   * @param dataDirectory default: a new one, removed with the process
   */
  start(port = 0, dataDirectory?: string): Promise<QuickStart> {
    return SampleApp.start('01-quick-start', {
      port,
      ...(dataDirectory !== undefined && { dataDirectory }),
    });
  },

  /** For all tests of a file: to be called in `beforeAll`. */
  share(): Promise<QuickStart> {
    return SampleApp.start('01-quick-start', { shared: true });
  },
};
