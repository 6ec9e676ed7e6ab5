import { medianOf } from './run-rows.js';

/** The table of docs/performance.md: medians, and in brackets the ratio to raw Bull, or to whom the goal names. */
export function table(results, contenders) {
  const head = ['', ...contenders, 'must', 'reached'];
  const lines = results.flatMap(({ row, samples }) =>
    linesOf(row).map((line) => cells(line, samples, contenders)),
  );
  return [head, head.map(() => '---'), ...lines.filter(Boolean)]
    .map((each) => `| ${each.join(' | ')} |`)
    .join('\n');
}

function linesOf(row) {
  const cpu = {
    title: '… CPU per task, servers included',
    unit: 'µs',
    pick: (sample) => sample.cpuUs,
    goal: row.cpuGoal,
  };
  return [{ ...row, pick: (sample) => sample.value }, cpu, ...(row.also ?? [])];
}

function cells({ title, unit, pick, goal }, samples, contenders) {
  const values = new Map(
    contenders.map((each) => [each, medianOf(samples.get(each) ?? [], (sample) => pick(sample) ?? NaN)]),
  );
  if (![...values.values()].some(Number.isFinite)) return undefined;
  const ours = values.get('shiftwork');
  const yardstick = goal?.against ?? 'bull';
  const theirs = values.get(yardstick);
  const cellOf = (contender) => {
    const value = values.get(contender);
    if (!Number.isFinite(value)) return '';
    const showsRatio = contender !== yardstick && (goal === undefined || goal.kind === 'ratio') && theirs > 0;
    return `${number(value)} ${unit}${showsRatio ? ` (${(value / theirs).toFixed(2)}x)` : ''}`.trim();
  };
  return [
    title,
    ...contenders.map(cellOf),
    goal === undefined ? '' : GOALS[goal.kind].text(goal, unit),
    verdict(goal, ours, theirs),
  ];
}

/** How a goal is said, and whether a bound of it is kept. */
const GOALS = {
  ratio: {
    isRelative: true,
    text: ({ must, isLower }) => `${isLower ? '≤ ' : ''}${must}x`,
    holds: (bound, ours, theirs, isLower) => (isLower ? ours / theirs <= bound : ours / theirs >= bound),
  },
  plus: {
    isRelative: true,
    text: ({ must }, unit) => `+${must} ${unit}`,
    holds: (bound, ours, theirs) => ours - theirs <= bound,
  },
  atMost: { text: ({ must }, unit) => `≤ ${must} ${unit}`, holds: (bound, ours) => ours <= bound },
  atLeast: { text: ({ must }, unit) => `≥ ${must} ${unit}`, holds: (bound, ours) => ours >= bound },
};

function verdict(goal, ours, theirs) {
  if (goal === undefined || !Number.isFinite(ours)) return '';
  if (GOALS[goal.kind].isRelative && !Number.isFinite(theirs)) return '';
  const holds = (bound) => GOALS[goal.kind].holds(bound, ours, theirs, goal.isLower);
  if (holds(goal.aim)) return 'aim';
  return holds(goal.must) ? 'yes' : 'no';
}

function number(value) {
  if (value >= 1_000) return Math.round(value).toLocaleString('en-GB');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
