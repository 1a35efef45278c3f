import type { LoggerService } from '@nestjs/common';

export type LogLevel = 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';

export interface LogLine {
  readonly level: LogLevel;
  /** The name of the logger: `Streaming` for the module's own lines. */
  readonly context: string | undefined;
  /** The message, and what was given with it: a stack, mostly. */
  readonly text: string;
}

/** A logger for an application under test: prints nothing, keeps everything. */
export class RecordingLogger implements LoggerService {
  readonly lines: LogLine[] = [];
  readonly log = this.keeper('log');
  readonly error = this.keeper('error');
  readonly warn = this.keeper('warn');
  readonly debug = this.keeper('debug');
  readonly verbose = this.keeper('verbose');
  readonly fatal = this.keeper('fatal');

  get warnings(): string[] {
    return this.textsOf('warn');
  }

  get errors(): string[] {
    return this.textsOf('error', 'fatal');
  }

  private keeper(level: LogLevel): (message: unknown, ...rest: unknown[]) => void {
    return (message, ...rest) => {
      const context = rest.at(-1);
      const details = rest.slice(0, -1).filter((detail) => detail !== undefined);
      this.lines.push({
        level,
        context: typeof context === 'string' ? context : undefined,
        text: [message, ...details].map(String).join('\n'),
      });
    };
  }

  private textsOf(...levels: LogLevel[]): string[] {
    return this.lines.filter(({ level }) => levels.includes(level)).map(({ text }) => text);
  }
}
