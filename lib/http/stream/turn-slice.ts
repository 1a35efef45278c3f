/** How long what goes over many connections may take before other work of the process has its turn, in milliseconds. */
const slice = 5;

/** @returns whether the slice that begins now is over */
export function beginSlice(): () => boolean {
  const end = performance.now() + slice;
  return () => performance.now() >= end;
}
