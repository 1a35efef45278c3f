/**
 * `npm run start:react` builds the page, and Nest serves it. To work on the page, run `npx vite sample/04-react/web` beside the
 * server: requests for tasks and uploads then go there.
 *
 * @type {import('vite').UserConfig}
 */
export default {
  build: {
    rolldownOptions: {
      // `use client` of nestjs-streaming/react means nothing where all runs in the browser.
      onLog: (level, log, handle) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  server: { proxy: { '/stream': 'http://127.0.0.1:3000', '/uploads': 'http://127.0.0.1:3000' } },
};
