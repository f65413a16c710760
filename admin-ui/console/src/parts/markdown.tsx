/** The Markdown that docs/ is written in: headings, paragraphs, lists, tables, code, links, pictures. */
import { Fragment, type ReactNode } from 'react';
import { Link } from 'react-router-dom';

export interface Places {
  /** The address of another page of the same documents, or undefined. */
  page: (target: string) => string | undefined;
  picture: (target: string) => string | undefined;
}

const slugOf = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}\s-]/gu, '').trim().replace(/\s+/g, '-');

const marks = /(`[^`]+`)|!\[([^\]]*)\]\(([^)]+)\)|\[([^\]]+)\]\(([^)]+)\)|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*/g;

function linked(text: string, target: string, places: Places): ReactNode {
  if (/^https?:\/\//.test(target)) return <a href={target} rel="noopener noreferrer" target="_blank">{text}</a>;
  const place = places.page(target);
  return place === undefined ? <code>{target.replace(/^(\.\.\/)+/, '')}</code> : <Link to={place}>{text}</Link>;
}

/** Code, links, pictures and emphasis inside a line. */
function inline(text: string, places: Places): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(marks)) {
    parts.push(text.slice(at, found.index));
    const [whole, code, alt, source, words, target, strong, soft] = found;
    if (code !== undefined) parts.push(<code>{code.slice(1, -1)}</code>);
    else if (source !== undefined) parts.push(places.picture(source) === undefined ? alt : <img src={places.picture(source)} alt={alt} loading="lazy" />);
    else if (target !== undefined) parts.push(linked(words ?? '', target, places));
    else if (strong !== undefined) parts.push(<strong>{inline(strong, places)}</strong>);
    else parts.push(<em>{soft}</em>);
    at = found.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts.map((part, index) => <Fragment key={String(index)}>{part}</Fragment>);
}

const cellsOf = (line: string): string[] => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
const isItem = (line: string): boolean => /^\s*([*-]|\d+\.)\s/.test(line);
const begins = (line: string): boolean => /^(#{1,6}\s|```|\|)/.test(line) || isItem(line);

/** Lines of one block from `at` on: what it is, and where the next begins. */
function block(lines: readonly string[], at: number, places: Places): [ReactNode, number] {
  const first = lines[at] ?? '';
  const heading = /^(#{1,6})\s+(.*)$/.exec(first);
  if (heading !== null) {
    const level = Math.min(6, (heading[1] ?? '#').length + 1);
    const Tag = `h${level}` as 'h2';
    return [<Tag id={slugOf(heading[2] ?? '')}>{inline(heading[2] ?? '', places)}</Tag>, at + 1];
  }
  if (first.startsWith('```')) {
    let end = at + 1;
    while (end < lines.length && !(lines[end] ?? '').startsWith('```')) end++;
    return [<pre className="gh-code" tabIndex={0}>{lines.slice(at + 1, end).join('\n')}</pre>, end + 1];
  }
  if (first.startsWith('|')) {
    let end = at;
    while ((lines[end] ?? '').startsWith('|')) end++;
    const [head = [], ...rows] = lines.slice(at, end).map(cellsOf);
    const body = rows.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
    return [(
      <div className="gh-wide" tabIndex={0} role="group" aria-label={head.join(', ')}>
        <table className="gh-table">
          <thead><tr>{head.map((cell, index) => <th key={String(index)} scope="col">{inline(cell, places)}</th>)}</tr></thead>
          <tbody>{body.map((row, index) => <tr key={String(index)}>{row.map((cell, column) => <td key={String(column)}>{inline(cell, places)}</td>)}</tr>)}</tbody>
        </table>
      </div>
    ), end];
  }
  if (isItem(first)) {
    const items: string[] = [];
    let end = at;
    while (end < lines.length && (isItem(lines[end] ?? '') || (/^\s+\S/.test(lines[end] ?? '') && items.length > 0))) {
      const line = lines[end++] ?? '';
      if (isItem(line)) items.push(line.replace(/^\s*([*-]|\d+\.)\s+/, ''));
      else items.push(`${items.pop() ?? ''} ${line.trim()}`);
    }
    const List = /^\s*\d/.test(first) ? 'ol' : 'ul';
    return [<List>{items.map((item, index) => <li key={String(index)}>{inline(item, places)}</li>)}</List>, end];
  }
  let end = at + 1;
  while (end < lines.length && (lines[end] ?? '').trim() !== '' && !begins(lines[end] ?? '')) end++;
  return [<p>{inline(lines.slice(at, end).join(' '), places)}</p>, end];
}

export function Markdown({ text, places }: { text: string; places: Places }) {
  const lines = text.split('\n').filter((line) => !/^<!--.*-->$/.test(line.trim()));
  const blocks: ReactNode[] = [];
  for (let at = 0; at < lines.length;) {
    if ((lines[at] ?? '').trim() === '') { at++; continue; }
    const [made, next] = block(lines, at, places);
    blocks.push(made);
    at = next;
  }
  return <div className="gh-document">{blocks.map((one, index) => <Fragment key={String(index)}>{one}</Fragment>)}</div>;
}
