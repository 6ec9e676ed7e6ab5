import { FOREIGN } from './foreign/foreign.js';
import { median } from './statistics.js';

/**
 * Measures each row for all contenders, in rounds, one contender after the other and each round beginning with the next:
 * what the machine does meanwhile hits all of them alike. Answers per row and contender the values of all rounds.
 */
export async function runRows(bench, rows, { contenders, rounds, say }) {
  const results = [];
  for (const row of rows) {
    const taking = contenders.filter((contender) => takes(row, contender));
    const samples = new Map(taking.map((contender) => [contender, []]));
    for (let round = 0; round < (row.rounds ?? rounds); round++) {
      for (let i = 0; i < taking.length; i++) {
        const contender = taking[(i + round) % taking.length];
        const sample = await row.measure(bench, contender).catch((error) => ({ value: NaN, error }));
        samples.get(contender).push(sample);
        say(`${row.id} ${contender}: ${describe(sample)}`);
      }
    }
    results.push({ row, samples });
  }
  return results;
}

// Those in other languages run one row: they would take hours.
function takes(row, contender) {
  if (FOREIGN.includes(contender)) return row.takesForeign === true;
  return row.contenders?.includes(contender) ?? true;
}

function describe({ value, notes = {}, error }) {
  if (error !== undefined) return `failed: ${error.message}`;
  const details = Object.entries(notes).map(([name, each]) => `${name} ${each.toFixed(1)}`);
  return [value.toFixed(2), ...details].join(', ');
}

/** The middle round of a contender. */
export function medianOf(samples, pick = (sample) => sample.value) {
  return median(samples.map(pick));
}
