import type { MessageEvent } from '@nestjs/common';
import { escapeLineSeparators } from '../../../task/json/json.js';
import type { StreamMessage } from './task-subscription.js';

/** An event as interceptors see it. Data that is no object or array stays as its JSON: Nest would not write it as such. */
export function toMessageEvent({ type, json, id }: StreamMessage): MessageEvent {
  const isObject = json.startsWith('{') || json.startsWith('[');
  return { type, id, data: isObject ? (JSON.parse(json) as object) : json };
}

/**
 * What an interceptor emits, as it goes over the wire. Unlike the events of a log it may be any message that Nest takes,
 * with text of several lines.
 *
 * A message that is only a comment or a `retry` is no event, so no blank line follows it: some clients fire an empty
 * message at one.
 *
 * @param id `undefined` where it is no position of a log
 */
export function formatMessageEvent(
  { type, data, retry, comment }: MessageEvent,
  id: string | undefined,
): string {
  const fields = [
    type ? `event: ${oneLine(type)}\n` : '',
    retry === undefined || retry === null ? '' : `retry: ${oneLine(String(retry))}\n`,
    comment === undefined || comment === null ? '' : lines(': ', comment),
    data === undefined || data === null ? '' : lines('data: ', textOf(data)),
    id === undefined ? '' : `id: ${oneLine(id)}\n`,
  ];
  const isEvent = Boolean(type) || id !== undefined || (data !== undefined && data !== null);
  return `${fields.join('')}${isEvent ? '\n' : ''}`;
}

function textOf(data: string | object): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const escaped = escapeLineSeparators(text);
  // In text that is no JSON an escape would be read as it stands.
  return escaped === text || !isJson(text) ? text : escaped;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, '');
}

function lines(prefix: string, text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `${prefix}${line}\n`)
    .join('');
}
