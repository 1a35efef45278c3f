import { readFileSync } from 'node:fs';

/** Whether a process runs. One that has ended and that nobody has noticed does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    // Not on Linux; or it has ended just now.
    return process.platform !== 'linux';
  }
}
