/** So often the processor time is looked at, in milliseconds: asking the kernel in each short turn would count itself. */
const checkInterval = 10;

/** Processor time of this process, all its threads, in user and kernel mode; and time on the wall. In milliseconds. */
export class CpuMeter {
  /** @readonly */
  #cpu = process.cpuUsage();
  /** @readonly */
  #time = performance.now();
  #checkedAt = performance.now();

  get cpu() {
    const { user, system } = process.cpuUsage(this.#cpu);
    return (user + system) / 1_000;
  }

  get wall() {
    return performance.now() - this.#time;
  }

  /**
   * Whether that much time has been spent, give or take the interval of the checks.
   *
   * @param {{ cpu: number, wall: number }} budget
   */
  hasSpent({ cpu, wall }) {
    const now = performance.now();
    if (now - this.#checkedAt < checkInterval) return false;
    this.#checkedAt = now;
    return this.cpu >= cpu || this.wall >= wall;
  }
}
