import { Link } from 'react-router-dom';
import { figure } from '../texts';

export interface Slice { name: string; count: number; to: string }

/** Colours that are told apart in the light and in the dark, and by people who see fewer of them. */
const colours = ['--pf-t--chart--color--blue--300', '--pf-t--chart--color--teal--300', '--pf-t--chart--color--orange--300', '--pf-t--chart--color--purple--300', '--pf-t--chart--color--yellow--300', '--pf-t--chart--color--green--300', '--pf-t--chart--color--black--300'];
const fallback = ['#2b9af3', '#37a3a3', '#f5921b', '#876fd4', '#dca614', '#63993d', '#a3a3a3'];
const colour = (index: number, set?: readonly string[]): string => set?.[index] ?? `var(${colours[index % colours.length] ?? ''}, ${fallback[index % fallback.length] ?? ''})`;

/** One column for each of a row of days; each is a link. */
export function Columns({ label, rows, short }: { label: string; rows: readonly Slice[]; short: (name: string) => string }) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return (
    <ul className="gh-columns" aria-label={label}>
      {rows.map((row) => (
        <li key={row.name}>
          <Link to={row.to} className="gh-column">
            <span className="gh-unseen">{`${label}: ${row.name}: ${row.count}`}</span>
            <span aria-hidden="true">{row.count === 0 ? '' : figure(row.count)}</span>
            <i style={{ blockSize: `${(7 * row.count) / most}rem` }} />
            <small aria-hidden="true">{short(row.name)}</small>
          </Link>
        </li>
      ))}
    </ul>
  );
}

const point = (share: number, radius: number): string => `${(21 + radius * Math.sin(2 * Math.PI * share)).toFixed(3)} ${(21 - radius * Math.cos(2 * Math.PI * share)).toFixed(3)}`;

/** A ring from one share of the whole to another. */
function arc(from: number, to: number): string {
  const end = Math.min(to, from + 0.9999);
  const large = end - from > 0.5 ? 1 : 0;
  return `M ${point(from, 20)} A 20 20 0 ${large} 1 ${point(end, 20)} L ${point(end, 13)} A 13 13 0 ${large} 0 ${point(from, 13)} Z`;
}

/** Shares of a whole as a ring with its legend; every number is a link. `set`: colours that mean something. */
export function Ring({ label, rows, middle, below, set }: { label: string; rows: readonly Slice[]; middle: string; below: string; set?: readonly string[] }) {
  const all = rows.reduce((sum, row) => sum + row.count, 0);
  let at = 0;
  return (
    <div className="gh-ring">
      <svg viewBox="0 0 42 42" aria-hidden="true">
        {all === 0 && <path d={arc(0, 1)} fill="var(--pf-t--global--border--color--default)" />}
        {rows.map((row, i) => {
          const from = at;
          at += all === 0 ? 0 : row.count / all;
          return row.count === 0 ? null : <path key={row.name} d={arc(from, at)} fill={colour(i, set)} />;
        })}
        <text x="21" y="21.5" textAnchor="middle" className="gh-ring-middle">{middle}</text>
        <text x="21" y="25.5" textAnchor="middle" className="gh-ring-below">{below}</text>
      </svg>
      <ul className="gh-plain" aria-label={label}>
        {rows.map((row, i) => (
          <li key={row.name} className="gh-spread"><span><i className="gh-dot" style={{ background: colour(i, set) }} /> {row.name}</span><Link to={row.to} aria-label={`${label}: ${row.name}: ${row.count}`}>{figure(row.count)}</Link></li>
        ))}
      </ul>
    </div>
  );
}
