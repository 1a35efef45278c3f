import type { OpenAPIObject } from '@nestjs/swagger';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Content, type Operation, operationsOf } from './documents.js';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Compares real answers with a document of version 3.1, whose schemas are JSON Schema. */
export class AnswerChecker {
  readonly #document: OpenAPIObject;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  /** Statuses and codes that were met: `GET /stream 400 INVALID_QUERY`. */
  readonly met = new Set<string>();

  constructor(document: OpenAPIObject) {
    // Objects are open, for members that come later. Here one that is not described is a fault.
    this.#document = closed(JSON.parse(JSON.stringify(document))) as OpenAPIObject;
    this.#operations = operationsOf(this.#document);
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'document', ...this.#document });
  }

  /** What the document promises, in the form of `met`. */
  get promised(): string[] {
    return [...this.#operations].flatMap(([route, { responses }]) =>
      Object.entries(responses).flatMap(([status, { content }]) => [
        `${route} ${status}`,
        ...codesOf(content).map((code) => `${route} ${status} ${code}`),
      ]),
    );
  }

  /** @throws where the answer is none that the document describes */
  check(route: string, { status, headers, text }: Answer): void {
    const response = this.#operations.get(route)?.responses[status];
    if (!response) throw new Error(`${route} does not tell of ${status}: ${text}`);
    for (const name of Object.keys(response.headers ?? {})) {
      if (!headers.has(name)) throw new Error(`${route} ${status} has no header ${name}`);
    }
    this.met.add(`${route} ${status}`);
    const [type] = (headers.get('content-type') ?? '').split(';');
    if (!response.content) {
      if (text !== '') throw new Error(`${route} ${status} has a body: ${text}`);
      return;
    }
    if (!Object.hasOwn(response.content, type ?? '')) {
      throw new Error(`${route} ${status} does not tell of ${type}`);
    }
    if (type === 'application/json') this.#checkJson(route, status, JSON.parse(text));
  }

  #checkJson(route: string, status: number, body: unknown): void {
    const [method = '', path = ''] = route.split(' ');
    const pointer = ['paths', path, method.toLowerCase(), 'responses', status, 'content', 'application/json'];
    const steps = pointer.map((step) =>
      encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const validate = this.#ajv.compile({ $ref: `document#/${steps.join('/')}/schema` });
    if (!validate(body)) {
      throw new Error(
        `${route} ${status} is not as described: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`,
      );
    }
    const { code } = body as { code?: unknown };
    if (typeof code === 'string') this.met.add(`${route} ${status} ${code}`);
  }
}

function codesOf(content: Content | undefined): string[] {
  const schema = content?.['application/json']?.schema ?? {};
  const [own = schema] = (schema['anyOf'] ?? []) as { properties?: { code?: { enum: string[] } } }[];
  return (own as { properties?: { code?: { enum: string[] } } }).properties?.code?.enum ?? [];
}

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, closed(each)]));
  return 'properties' in inner && !('additionalProperties' in inner) && inner['type'] !== undefined
    ? { ...inner, additionalProperties: false }
    : inner;
}
