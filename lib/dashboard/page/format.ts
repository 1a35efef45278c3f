const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const numbers = new Intl.NumberFormat('en');

export function count(value: number): string {
  return numbers.format(value).replaceAll(',', '\u202f');
}

/** `14:02:31`, with the day where it is another one. */
export function timeOf(time: number, now: number): string {
  const text = clock.format(time);
  return Math.abs(now - time) < 43_200_000 ? text : `${day.format(time)}, ${text}`;
}

export function wholeTimeOf(time: number): string {
  return whole.format(time);
}

/** `0.42 s`, `12 s`, `3 min 07 s`, `2 h 05 min`. */
export function duration(ms: number): string {
  if (ms < 0) return '0 s';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${pad(minutes % 60)} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** Of one that goes on, whole seconds: tenths would only flicker. */
export function runningFor(ms: number): string {
  return duration(Math.max(1_000, Math.floor(ms / 1_000) * 1_000)).replace('.0', '');
}

/** `120 B`, `3.4 KiB`, `12 MiB`. */
export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const [unit, size] = value < 1_024 ** 2 ? ['KiB', value / 1_024] : ['MiB', value / 1_024 ** 2];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
