import { parseArgs } from 'node:util';

export const usage = `npm run bench -- [options] [names]

  --quick         small and short: shows that everything works, measures nothing worth keeping
  --rounds <n>    how often each is measured (default 3; 1 with --quick)
  --only <names>  only these scenarios and contenders, with commas between them; "distributed" is all whose names begin so.
                  Names alone do the same
  --against <dir> measures ours alone, beside the build in another checkout, in turns, and prints how they compare
  --write         writes the tables of a whole run to bench/RESULTS.md, and the chart beside it
  --json          prints JSON instead of tables
  --svg           prints the chart instead of tables
  --help          prints this
`;

/**
 * @param {readonly string[]} args
 * @param {{ scenarios: readonly string[], groups: Readonly<Record<string, readonly string[]>>, contenders: readonly string[] }} names
 *   of a group, the scenarios that are in it
 */
export function readOptions(args, names) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      against: { type: 'string' },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      svg: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, against, write, json, svg, help, rounds: givenRounds = quick ? '1' : '3' } = values;
  const rounds = Number(givenRounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new Error(`Wrong --rounds "${givenRounds}": expected a whole number from 1 to 100`);
  }
  const only = [...(values.only?.split(',') ?? []), ...positionals].filter((name) => name !== '');
  if (write && (quick || only.length > 0)) {
    throw new Error('--write goes with a whole run: without --quick, --only and names');
  }
  if (against !== undefined && (write || svg)) {
    throw new Error('--against only prints a table: it goes without --write and --svg');
  }
  const known = [...names.scenarios, ...Object.keys(names.groups), ...names.contenders];
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`Unknown name "${unknown}" in --only; there are ${known.join(', ')}`);
  }
  return {
    quick,
    rounds,
    against,
    write,
    json,
    svg,
    help,
    scenarios: chosen(
      names.scenarios,
      only.flatMap((name) => names.groups[name] ?? name),
    ),
    contenders: chosen(names.contenders, only),
  };
}

/**
 * All of a kind when none of it was named.
 *
 * @param {readonly string[]} all
 * @param {readonly string[]} only
 */
function chosen(all, only) {
  const named = all.filter((name) => only.includes(name));
  return named.length > 0 ? named : all;
}
