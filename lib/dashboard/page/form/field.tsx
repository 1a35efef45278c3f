import { useState } from 'preact/hooks';
import type { Json } from '../types.js';
import type { Entry, Field, Group } from './fields.js';

export function FieldView({ field }: { field: Field }) {
  if (field.kind === 'group') return <GroupView group={field} />;
  return field.kind === 'boolean' ? <Check entry={field} /> : <EntryView entry={field} />;
}

/** One that may be left out has a check box for its title. */
function GroupView({ group }: { group: Group }) {
  const { path, title, about, isNeeded, isNullable, isPreset, fields } = group;
  const isAlways = isNeeded && !isNullable;
  const [isGiven, setGiven] = useState(isAlways || isPreset);
  return (
    <fieldset class="group">
      <legend>
        {isAlways ? (
          title
        ) : (
          <label class="check">
            <input
              type="checkbox"
              name={path}
              checked={isGiven}
              onChange={(event) => setGiven(event.currentTarget.checked)}
            />{' '}
            {title}
          </label>
        )}
      </legend>
      {about && <span class="dim about">{about}</span>}
      {isGiven && fields.map((field) => <FieldView key={field.path} field={field} />)}
    </fieldset>
  );
}

function Check({ entry: { path, title, about, preset } }: { entry: Entry }) {
  return (
    <label class="field check">
      <input type="checkbox" name={path} defaultChecked={preset === true} /> {title}
      {about && <span class="dim about">{about}</span>}
    </label>
  );
}

const hints: Readonly<Partial<Record<Entry['kind'], string>>> = {
  texts: ', one on each line',
  numbers: ', one on each line',
  json: ', JSON',
};

function EntryView({ entry }: { entry: Entry }) {
  const { kind, title, about, isNeeded, isNullable } = entry;
  const mayBeEmpty = !isNeeded || isNullable || kind === 'texts' || kind === 'numbers';
  const hint = `${mayBeEmpty ? 'may be empty' : ''}${hints[kind] ?? ''}`.replace(/^, /, '');
  return (
    <label class="field">
      {title}
      {hint !== '' && <span class="dim"> ({hint})</span>}
      {about && <span class="dim about">{about}</span>}
      <Input entry={entry} isRequired={!mayBeEmpty} />
    </label>
  );
}

function Input({ entry, isRequired }: { entry: Entry; isRequired: boolean }) {
  const { kind, path, schema, choices, preset } = entry;
  const given = { name: path, required: isRequired, defaultValue: textOf(preset) };
  if (kind === 'choice') {
    return (
      <select name={path} required={isRequired}>
        {(!isRequired || preset === undefined) && <option value="">–</option>}
        {choices.map((choice, index) => (
          <option key={String(choice)} value={index} selected={choice === preset}>
            {String(choice)}
          </option>
        ))}
      </select>
    );
  }
  if (kind === 'text') {
    const { maxLength } = schema;
    return <input {...given} {...(maxLength !== undefined && { maxLength })} />;
  }
  if (kind !== 'number') return <textarea class="code" rows={kind === 'json' ? 2 : 3} {...given} />;
  const { type, minimum, maximum } = schema;
  return (
    <input
      type="number"
      step={type === 'integer' ? 1 : 'any'}
      {...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { min: minimum })}
      {...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { max: maximum })}
      {...given}
    />
  );
}

function textOf(preset: Json | undefined): string {
  if (preset === undefined || preset === null) return '';
  if (Array.isArray(preset) && preset.every((item) => typeof item !== 'object')) return preset.join('\n');
  return typeof preset === 'string' ? preset : JSON.stringify(preset);
}
