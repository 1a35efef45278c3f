import { join } from 'node:path';
import { ClusterError, Program } from './program.js';

const main = join(import.meta.dirname, '../instance.js');

/** One instance of the application, as a process. It is started again when it is lost. */
export class Instance {
  readonly #env: NodeJS.ProcessEnv;
  readonly #onLost: (restarted: Promise<void>) => void;
  #program: Program | undefined;
  #ready: Promise<void> | undefined;

  /** @param onLost called when it ends and nobody has asked for that, with its new start */
  constructor(
    readonly name: string,
    readonly port: number,
    env: NodeJS.ProcessEnv,
    onLost: (restarted: Promise<void>) => void,
  ) {
    this.#env = { ...process.env, ...env, INSTANCE: name, PORT: String(port) };
    this.#onLost = onLost;
  }

  get pid(): number | undefined {
    return this.#program?.process.pid;
  }

  /** Resolves when it answers. */
  start(): Promise<void> {
    const program = new Program(process.execPath, [main], { env: this.#env, ipc: true });
    this.#program = program;
    const ready = new Promise<void>((resolve, reject) => {
      program.process.once('message', () => resolve());
      void program.ended.then(() => reject(new ClusterError(`The instance "${this.name}" did not start`)));
    });
    this.#ready = ready;
    void this.#watch(program, ready);
    return ready;
  }

  /** Ends it as an operating system does that runs out of memory. Resolves when it has been started again. */
  async kill(): Promise<void> {
    const program = this.#program;
    program?.process.kill('SIGKILL');
    await program?.ended;
    await this.#ready;
  }

  /** As a deployment does. Resolves with the milliseconds that it took to close, when it answers again. */
  async restart(): Promise<number> {
    const began = performance.now();
    await this.stop();
    const took = performance.now() - began;
    await this.start();
    return took;
  }

  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.stop('SIGTERM');
  }

  async #watch(program: Program, ready: Promise<void>): Promise<void> {
    const hasStarted = await ready.then(
      () => true,
      () => false,
    );
    await program.ended;
    if (hasStarted && this.#program === program) this.#onLost(this.start());
  }
}
