/** The middle value; NaN of none. */
export function median(values) {
  return percentile(values, 50);
}

/** By nearest rank. */
export function percentile(values, percent) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))];
}
