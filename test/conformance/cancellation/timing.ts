/** A stopwatch that runs. */
export function stopwatch(): { readonly elapsed: number } {
  const began = performance.now();
  return {
    get elapsed() {
      return performance.now() - began;
    },
  };
}
