import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Json, Schema } from '../types.js';
import { parseJson } from './parse-json.js';

/** Gives the input as it stands. `undefined` for none. Throws ApiError where it is no JSON. */
export type InputReader = () => Json | undefined;

interface FormProps {
  readonly schema: Schema | undefined;
  readonly reader: RefObject<InputReader | undefined>;
}

/** A form of the schema, where there is one that a form can be made of. Else, or on demand, JSON. */
export function InputForm({ schema, reader }: FormProps) {
  const fields = schema && fieldsOf(schema);
  const [isJson, setJson] = useState(fields === undefined);
  const [text, setText] = useState('');
  const form = useRef<HTMLFieldSetElement>(null);
  reader.current = () => (isJson ? parseJson('The input', text) : read(form.current, fields ?? []));
  const toggle = (): void => {
    if (!isJson) {
      try {
        setText(JSON.stringify(read(form.current, fields ?? []), null, 2));
      } catch {
        // What cannot be read yet is written anew.
      }
    }
    setJson(!isJson);
  };
  return (
    <fieldset ref={form} class="input">
      <legend>
        Input
        {fields && (
          <button type="button" class="quiet" onClick={toggle}>
            {isJson ? 'As a form' : 'As JSON'}
          </button>
        )}
      </legend>
      {isJson ? (
        <label class="field">
          <span class="vh">Input as JSON</span>
          <textarea
            class="code"
            rows={6}
            placeholder={'{ }'}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
      ) : (
        fields?.map((field) => <FieldOf key={field.name} field={field} />)
      )}
    </fieldset>
  );
}

type Kind = 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'json';

interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly schema: Schema;
  readonly isNeeded: boolean;
}

/** `undefined` for what is no object with properties. */
function fieldsOf({ type, properties, required = [] }: Schema): Field[] | undefined {
  if (type !== 'object' || !properties || Object.keys(properties).length === 0) return undefined;
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    kind: kindOf(schema),
    schema,
    isNeeded: required.includes(name) && schema.default === undefined,
  }));
}

function kindOf({ type, enum: choices }: Schema): Kind {
  if (choices?.every((choice) => typeof choice === 'string')) return 'choice';
  if (type === 'string') return 'text';
  return type === 'number' || type === 'integer' || type === 'boolean' ? type : 'json';
}

function FieldOf({ field: { name, kind, schema, isNeeded } }: { field: Field }) {
  const { title = name, description, default: preset, enum: listed = [], minimum, maximum } = schema;
  const choices = listed.filter((choice) => typeof choice === 'string');
  const value = preset === undefined ? '' : typeof preset === 'string' ? preset : JSON.stringify(preset);
  if (kind === 'boolean') {
    return (
      <label class="field check">
        <input type="checkbox" name={name} defaultChecked={preset === true} /> {title}
        {description && <span class="dim">{description}</span>}
      </label>
    );
  }
  const given = { name, required: isNeeded, defaultValue: value };
  return (
    <label class="field">
      {title}
      {!isNeeded && <span class="dim"> (may be empty)</span>}
      {description && <span class="dim about">{description}</span>}
      {kind === 'choice' ? (
        <select name={name} required={isNeeded}>
          {!isNeeded && <option value="">–</option>}
          {choices.map((choice) => (
            <option key={choice} selected={choice === preset}>
              {choice}
            </option>
          ))}
        </select>
      ) : kind === 'json' ? (
        <textarea class="code" rows={2} placeholder="JSON" {...given} />
      ) : kind === 'text' ? (
        <input {...given} {...(schema.maxLength !== undefined && { maxLength: schema.maxLength })} />
      ) : (
        <input
          type="number"
          step={kind === 'integer' ? 1 : 'any'}
          {...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { min: minimum })}
          {...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { max: maximum })}
          {...given}
        />
      )}
    </label>
  );
}

/** @throws ApiError */
function read(form: HTMLFieldSetElement | null, fields: readonly Field[]): Json {
  const input: Record<string, Json> = {};
  for (const { name, kind } of fields) {
    const element = form?.querySelector<HTMLInputElement>(`[name="${CSS.escape(name)}"]`);
    if (!element) continue;
    const { value } = element;
    if (kind === 'boolean') input[name] = element.checked;
    else if (value === '') continue;
    else if (kind === 'number' || kind === 'integer') input[name] = Number(value);
    else if (kind === 'json') input[name] = parseJson(name, value) as Json;
    else input[name] = value;
  }
  return input;
}
