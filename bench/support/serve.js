/**
 * Answers the calls of the process that forked this one, and ends with it.
 *
 * @param {Record<string, (params: never) => unknown>} methods
 */
export function serve(methods) {
  process.on(
    'message',
    (/** @type {{ id: number, method: string, params: object }} */ { id, method, params }) => {
      void answer(() => methods[method]?.(/** @type {never} */ (params))).then((result) =>
        process.send?.({ id, ...result }),
      );
    },
  );
  process.once('disconnect', () => process.exit());
}

/** @param {() => unknown} call */
async function answer(call) {
  try {
    return { result: await call() };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
