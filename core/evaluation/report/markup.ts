/** Text as it may stand in HTML and SVG, attributes included. */
export function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A share or an area with three decimals; a dash where there is none. */
export function figure(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(3);
}

export function intervalText(interval: readonly [number, number] | undefined): string {
  return interval === undefined ? '–' : `${figure(interval[0])} to ${figure(interval[1])}`;
}

export interface TableColumn {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly numeric?: boolean;
}

/** A table whose first column heads its rows. Cells are markup already. */
export function table(
  caption: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const alignment = (at: number) => (columns[at]?.numeric === true ? ' class="n"' : '');
  const head = columns.map(
    ({ title }, at) => `<th scope="col"${alignment(at)}>${escapeMarkup(title)}</th>`,
  );
  const body = rows.map((cells) => {
    const [first = '', ...others] = cells;
    const data = others.map((cell, at) => `<td${alignment(at + 1)}>${cell}</td>`);
    return `<tr><th scope="row">${first}</th>${data.join('')}</tr>`;
  });
  return (
    `<div class="scroll"><table><caption>${escapeMarkup(caption)}</caption>` +
    `<thead><tr>${head.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
  );
}
