import {
  Button, Dropdown, DropdownItem, DropdownList, FormSelect, FormSelectOption, Masthead, MastheadBrand, MastheadContent, MastheadMain,
  MastheadToggle, MenuToggle, Nav, NavExpandable, NavItem, NavList, Page as PfPage, PageSidebar, PageSidebarBody, PageToggleButton,
  SearchInput, SkipToContent, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem,
} from '@patternfly/react-core';
import { AdjustIcon, BarsIcon, QuestionCircleIcon } from '@patternfly/react-icons';
import { Fragment, useEffect, useState, type ReactNode } from 'react';
import { Link, useLocation, useNavigate } from 'react-router-dom';
import { arrived, mayLeave } from '../parts/guard';
import { useSession } from '../session';
import { chooseLanguage, language, languages, t, type Language, type TextKey } from '../texts';
import { helpOf } from './help';
import { useScope } from './scope';
import { toggleTheme } from './theme';

/** `text`: a key, or a name that is the same in every language. */
interface Place { to: string; text: TextKey | 'ACME' | 'SCEP' | 'EST' | 'CMP'; permission?: string }
const groups: { text?: TextKey; places: Place[] }[] = [
  { places: [{ to: '/', text: 'dashboard' }, { to: '/cas', text: 'authorities', permission: 'cas:read' }, { to: '/templates', text: 'templates', permission: 'templates:read' }] },
  { text: 'certificates', places: [
    { to: '/certificates', text: 'issued', permission: 'certificates:read' },
    { to: '/requests', text: 'requests', permission: 'requests:read' },
    { to: '/request', text: 'newRequest', permission: 'requests:create' },
  ] },
  { text: 'protocols', places: [
    { to: '/acme', text: 'ACME', permission: 'templates:read' }, { to: '/protocols/scep', text: 'SCEP', permission: 'templates:read' },
    { to: '/protocols/est', text: 'EST', permission: 'templates:read' }, { to: '/protocols/cmp', text: 'CMP', permission: 'templates:read' },
  ] },
  { places: [{ to: '/validation', text: 'validation', permission: 'cas:read' }, { to: '/timestamping', text: 'timestamping', permission: 'cas:read' }] },
  { text: 'keysAndTokens', places: [{ to: '/tokens', text: 'tokens', permission: 'tokens:read' }, { to: '/keys', text: 'keys' }] },
  { text: 'access', places: [{ to: '/users', text: 'users', permission: 'users:read' }, { to: '/roles', text: 'rolesAndRules', permission: 'users:read' }, { to: '/organisations', text: 'organisations', permission: 'settings:manage' }, { to: '/identity-providers', text: 'identityProviders', permission: 'settings:read' }, { to: '/account', text: 'account' }] },
  { text: 'watching', places: [
    { to: '/events', text: 'events', permission: 'events:read' }, { to: '/audit', text: 'audit', permission: 'events:read' },
    { to: '/notices', text: 'notices', permission: 'settings:read' }, { to: '/log', text: 'log', permission: 'settings:manage' },
  ] },
  { places: [{ to: '/inspect', text: 'inspect' }, { to: '/settings', text: 'settings', permission: 'settings:read' }] },
];

function Navigation() {
  const { pathname } = useLocation();
  const { may } = useSession();
  const open = (place: Place) => place.permission === undefined || may(place.permission);
  const active = (place: Place) => (place.to === '/' ? pathname === '/' : pathname === place.to || pathname.startsWith(`${place.to}/`));
  const item = (place: Place) => (
    <NavItem key={place.to} isActive={active(place)}><Link to={place.to} aria-current={active(place) ? 'page' : undefined}>{/^[A-Z]+$/.test(place.text) ? place.text : t(place.text as TextKey)}</Link></NavItem>
  );
  return (
    <Nav aria-label={t('navigation')}>
      <NavList>
        {groups.map((group, index) => {
          const places = group.places.filter(open);
          if (places.length === 0) return null;
          if (group.text === undefined) return places.map(item);
          return <NavExpandable key={index} title={t(group.text)} isExpanded isActive={places.some(active)}>{places.map(item)}</NavExpandable>;
        })}
      </NavList>
    </Nav>
  );
}

function Search() {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  return (
    <SearchInput className="gh-search" aria-label={t('findCertificate')} placeholder={t('findCertificate')} value={text}
      onChange={(_, value) => setText(value)} onClear={() => setText('')}
      onSearch={() => text.trim() !== '' && mayLeave() && navigate(`/certificates?q=${encodeURIComponent(text.trim())}`)} />
  );
}

/** The organisation stands there once there are several. */
function ScopeSelector() {
  const { organisations, organisation, chooseOrganisation, cas, ca, choose } = useScope();
  const several = organisations.value ?? [];
  return (
    <div className="gh-selectors">
      {several.length > 1 && (
        <FormSelect aria-label={t('organisation')} value={organisation} onChange={(_, value) => mayLeave() && chooseOrganisation(value)}>
          <FormSelectOption value="" label={t('allOrganisations')} />
          {several.map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}
        </FormSelect>
      )}
      <FormSelect aria-label={t('authority')} value={ca} onChange={(_, value) => choose(value)}>
        <FormSelectOption value="" label={t('allAuthorities')} />
        {(cas.value ?? []).map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}
      </FormSelect>
    </div>
  );
}

function UserMenu() {
  const [open, setOpen] = useState(false);
  const { session, leave } = useSession();
  const navigate = useNavigate();
  return (
    <Dropdown shouldFocusFirstItemOnOpen isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }}
      toggle={(ref) => <MenuToggle ref={ref} onClick={() => setOpen(!open)} isExpanded={open}>{session?.user.username}</MenuToggle>}>
      <DropdownList>
        <DropdownItem onClick={() => mayLeave() && navigate('/account')}>{t('account')}</DropdownItem>
        {(Object.keys(languages) as Language[]).filter((one) => one !== language).map((one) => (
          <DropdownItem key={one} lang={one} onClick={() => mayLeave() && chooseLanguage(one)}>{languages[one]}</DropdownItem>
        ))}
        <DropdownItem onClick={() => mayLeave() && void leave()}>{t('logOut')}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

function HelpLink() {
  const { pathname, search } = useLocation();
  return <Link className="pf-v6-c-button pf-m-plain" to={helpOf(pathname + search)} aria-label={t('help')} title={t('help')}><span className="pf-v6-c-button__icon"><QuestionCircleIcon /></span></Link>;
}

export function Frame({ children }: { children: ReactNode }) {
  const { organisation } = useScope();
  const here = useLocation();
  useEffect(arrived, [here]);
  const masthead = (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadToggle><PageToggleButton variant="plain" aria-label={t('navigation')}><BarsIcon /></PageToggleButton></MastheadToggle>
        <MastheadBrand>
          <Link to="/" className="gh-brand"><img src="/assets/icon.svg" alt="" width="32" height="32" /><span>Gatehouse</span></Link>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isFullHeight isStatic>
          <ToolbarContent>
            <ToolbarItem className="gh-scope"><ScopeSelector /></ToolbarItem>
            <ToolbarItem className="gh-scope"><Search /></ToolbarItem>
            <ToolbarGroup align={{ default: 'alignEnd' }}>
              <ToolbarItem><HelpLink /></ToolbarItem>
              <ToolbarItem><Button variant="plain" aria-label={t('theme')} icon={<AdjustIcon />} onClick={toggleTheme} /></ToolbarItem>
              <ToolbarItem><UserMenu /></ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
  return (
    <PfPage masthead={masthead} isManagedSidebar mainContainerId="main" skipToContent={<SkipToContent href="#main">{t('skip')}</SkipToContent>}
      sidebar={<PageSidebar><PageSidebarBody><div className="gh-scope-side"><ScopeSelector /><Search /></div><Navigation /></PageSidebarBody></PageSidebar>}>
      <Fragment key={organisation}>{children}</Fragment>
    </PfPage>
  );
}
