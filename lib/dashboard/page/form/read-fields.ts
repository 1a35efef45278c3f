import { ApiError } from '../api.js';
import type { Json } from '../types.js';
import type { Entry, Field, Group } from './fields.js';
import { parseJson } from './parse-json.js';

/**
 * The input as the form has it. What is empty is left out.
 *
 * @throws ApiError
 */
export function readFields(form: HTMLElement, fields: readonly Field[]): Json {
  const input: Record<string, Json> = {};
  for (const field of fields) {
    const value = field.kind === 'group' ? readGroup(form, field) : readEntry(form, field);
    if (value !== undefined) input[field.name] = value;
    else if (field.isNeeded && field.isNullable) input[field.name] = null;
  }
  return input;
}

function readGroup(form: HTMLElement, group: Group): Json | undefined {
  const gate = find(form, group.path);
  return gate instanceof HTMLInputElement && !gate.checked ? undefined : readFields(form, group.fields);
}

function readEntry(form: HTMLElement, { kind, path, title, choices, isNeeded }: Entry): Json | undefined {
  const element = find(form, path);
  if (!element) return undefined;
  if (kind === 'boolean') return (element as HTMLInputElement).checked;
  const { value } = element;
  if (kind === 'texts' || kind === 'numbers') {
    const lines = value.split(/\r?\n/).filter((line) => line.trim() !== '');
    if (lines.length === 0) return isNeeded ? [] : undefined;
    return kind === 'texts' ? lines : lines.map((line) => numberOf(title, line));
  }
  if (value === '') return undefined;
  if (kind === 'choice') return choices[Number(value)];
  if (kind === 'number') return numberOf(title, value);
  return kind === 'json' ? parseJson(title, value) : value;
}

function find(
  form: HTMLElement,
  path: string,
): HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | null {
  return form.querySelector(`[name="${CSS.escape(path)}"]`);
}

/** @throws ApiError */
function numberOf(title: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new ApiError(0, `${title}: “${text.slice(0, 40)}” is no number`);
}
