/// <reference types="vite/client" />
import { FormSelect, FormSelectOption, SearchInput, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core';
import { useEffect } from 'react';
import { Link, useLocation, useNavigate, useParams, useSearchParams } from 'react-router-dom';
import { Markdown, type Places } from '../parts/markdown';
import { Page } from '../parts/small';
import { t } from '../texts';
import Nothing from './Nothing';

// The documents of this version, all of them: help needs nothing from elsewhere.
const documents = import.meta.glob<string>('@docs/**/*.md', { query: '?raw', import: 'default', eager: true });
const pictures = import.meta.glob<string>('@docs/images/*.png', { query: '?url', import: 'default', eager: true });

const nameOf = (path: string): string => path.replace(/^.*?docs\//, '').replace(/\.md$/, '');
const texts = new Map(Object.entries(documents).map(([path, text]) => [nameOf(path), text]));
const images = new Map(Object.entries(pictures).map(([path, url]) => [path.replace(/^.*\//, ''), url]));
const titleOf = (name: string): string => /^#\s+(.*)$/m.exec(texts.get(name) ?? '')?.[1] ?? name;

function placesFrom(name: string): Places {
  const folder = name.includes('/') ? name.replace(/[^/]*$/, '') : '';
  return {
    page: (target) => {
      const [file = '', anchor] = target.split('#');
      const wanted = file === '' ? name : new URL(file, `http://docs/${folder}`).pathname.slice(1).replace(/\.md$/, '');
      return texts.has(wanted) && !file.startsWith('../../') ? `/help/${wanted}${anchor === undefined ? '' : `#${anchor}`}` : undefined;
    },
    picture: (target) => images.get(target.replace(/^.*\//, '')),
  };
}

/** Lines in which the words stand, with the document they are in. */
function find(words: string): { name: string; lines: string[] }[] {
  const needle = words.toLowerCase();
  return [...texts].map(([name, text]) => ({ name, lines: text.split('\n').filter((line) => line.toLowerCase().includes(needle)) })).filter((one) => one.lines.length > 0).sort((a, b) => b.lines.length - a.lines.length);
}

export default function Help() {
  const name = useParams()['*'] || 'console';
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [parameters, setParameters] = useSearchParams();
  const words = parameters.get('find') ?? '';
  const text = texts.get(name);
  useEffect(() => {
    if (hash === '') document.getElementById('main')?.scrollTo(0, 0);
    else document.getElementById(decodeURIComponent(hash.slice(1)))?.scrollIntoView();
  }, [name, hash]);
  if (text === undefined) return <Nothing />;
  return (
    <Page title={t('help')}>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <FormSelect aria-label={t('document')} value={name} onChange={(_, next) => navigate(`/help/${next}`)}>
              {[...texts.keys()].sort((a, b) => titleOf(a).localeCompare(titleOf(b))).map((one) => <FormSelectOption key={one} value={one} label={titleOf(one)} />)}
            </FormSelect>
          </ToolbarItem>
          <ToolbarItem><SearchInput aria-label={t('searchHelp')} placeholder={t('search')} value={words} onChange={(_, value) => setParameters(value === '' ? {} : { find: value }, { replace: true })} onClear={() => setParameters({}, { replace: true })} /></ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      {words.trim().length > 1 ? (
        <div className="gh-document">
          {find(words.trim()).map((one) => <section key={one.name}><h2><Link to={`/help/${one.name}`}>{titleOf(one.name)}</Link></h2><ul>{one.lines.slice(0, 4).map((line) => <li key={line}>{line}</li>)}</ul></section>)}
          {find(words.trim()).length === 0 && <p>{t('nothingFound')}</p>}
        </div>
      ) : <Markdown text={text} places={placesFrom(name)} />}
    </Page>
  );
}
