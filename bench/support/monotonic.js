/** Microseconds on a clock that all processes of the machine share (Linux: CLOCK_MONOTONIC). */
export function monotonic() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.round(nanoseconds / 1e3);
}
