/** A Markdown table whose cells cannot break it. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function escapeCell(cell: string): string {
  return cell.replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ');
}

/** First lines of a generated page. */
export function generatedHeader(title: string): string {
  return `# ${title}\n\n<!-- Written by \`npm run docs\`; changes made here are lost. -->`;
}
