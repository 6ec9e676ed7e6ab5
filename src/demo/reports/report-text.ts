import type { DailyReport } from './daily-report.js';

/** The report as text and as HTML. Pure. */
export function reportText(report: DailyReport, publicUrl: string): { text: string; html: string } {
  const jobs = [
    ['Job', 'Accepted', 'Finished', 'Failed', 'Cancelled'],
    ...report.jobs.map((it) => [it.job, it.accepted, it.finished, it.failed, it.cancelled].map(String)),
  ];
  const open = report.open.map((it) => ({
    line: `${String(it.open)} x ${it.job}: ${it.message}`,
    link: `${publicUrl}/admin/failed-tasks/${it.latest}`,
  }));
  const heads = [
    `Tasks accepted on ${report.day}, and what has become of them`,
    open.length === 0 ? 'No open failures.' : 'Open failures',
  ];
  const text = [
    heads[0],
    '',
    ...(report.jobs.length === 0 ? ['None.'] : table(jobs)),
    '',
    heads[1],
    '',
    ...open.map((it) => `${it.line}\n  ${it.link}`),
  ].join('\n');
  const rows = jobs.map(
    (row, i) =>
      `<tr>${row.map((cell) => (i === 0 ? `<th align="left">${escape(cell)}</th>` : `<td>${escape(cell)}</td>`)).join('')}</tr>`,
  );
  const items = open.map((it) => `<li><a href="${escape(it.link)}">${escape(it.line)}</a></li>`);
  const html = `<h2>${escape(heads[0] ?? '')}</h2><table cellpadding="6">${rows.join('')}</table><h2>${escape(heads[1] ?? '')}</h2><ul>${items.join('')}</ul>`;
  return { text, html };
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
