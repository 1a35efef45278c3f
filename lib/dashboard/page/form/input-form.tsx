import type { RefObject } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Json, Schema } from '../types.js';
import { FieldView } from './field.js';
import { fieldsOf } from './fields.js';
import { parseJson } from './parse-json.js';
import { readFields } from './read-fields.js';

/** Gives the input as it stands. `undefined` for none. Throws ApiError where it is no JSON. */
export type InputReader = () => Json | undefined;

interface FormProps {
  readonly schema: Schema | undefined;
  readonly reader: RefObject<InputReader | undefined>;
}

/** A form of the schema, where there is one that a form can be made of. Else, or on demand, JSON. */
export function InputForm({ schema, reader }: FormProps) {
  const fields = useMemo(() => schema && fieldsOf(schema), [schema]);
  const [isJson, setJson] = useState(fields === undefined);
  const [text, setText] = useState('');
  const form = useRef<HTMLFieldSetElement>(null);
  const readForm = (): Json | undefined => form.current && fields && readFields(form.current, fields);
  reader.current = () => (isJson ? parseJson('The input', text) : readForm());
  const toggle = (): void => {
    if (!isJson) {
      try {
        setText(JSON.stringify(readForm(), null, 2));
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
        fields?.map((field) => <FieldView key={field.path} field={field} />)
      )}
    </fieldset>
  );
}
