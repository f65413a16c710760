import { ActionGroup, Alert, Button, Checkbox, Form, FormGroup, FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem, Tab, Tabs, TabTitleText, TextArea, TextInput } from '@patternfly/react-core';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { Confirm } from '../parts/Confirm';
import { useGuard } from '../parts/guard';
import { asProblem, useLoad } from '../parts/load';
import { AuthorityLink } from '../parts/names';
import { Copy, Page, ProblemAlert, Waiting } from '../parts/small';
import { TabRow } from '../parts/tabs';
import { Test, TestOf } from '../parts/Trial';
import { useSession } from '../session';
import { t, type TextKey } from '../texts';
import { fieldName } from '../texts/fields';
import { TemplatePublic } from './TemplatePublic';
import { Clone, Preview, Versions } from './TemplateViews';

const TemplateText = lazy(() => import('./TemplateText'));

type Template = Schema['Template'];
type Document = Schema['TemplateDocument'];

const doors = ['rest', 'console', 'public', 'preapproved', 'acme', 'scep', 'est', 'cmp'] as const;
const usages = ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly'];
const purposes = ['serverAuth', 'clientAuth', 'codeSigning', 'emailProtection', 'timeStamping', 'OCSPSigning'];
const approvals = ['none', 'role', 'always', 'four-eyes'] as const;

interface PartProps { document: Document; set: (change: Partial<Document>) => void; fixed: boolean }

function Ticks({ all, chosen, set, fixed, name, shown = (one) => one }: { all: readonly string[]; chosen: readonly string[]; set: (next: string[]) => void; fixed: boolean; name: string; shown?: (one: string) => string }) {
  const list = [...all, ...chosen.filter((one) => !all.includes(one))];
  return <>{list.map((one) => (
    <Checkbox key={one} id={`${name}-${one}`} label={shown(one)} isDisabled={fixed} isChecked={chosen.includes(one)} onChange={(_, on) => set(on ? [...chosen, one] : chosen.filter((c) => c !== one))} />
  ))}</>;
}

/** Kinds of alternative names as people call them. */
const sanName = (kind: string): string => (/^(dns|ip|email|uri|upn|rid|dirName|srv|xmpp|other)$/.test(kind) ? t(`san-${kind}` as TextKey) : kind);

const Help = ({ text }: { text: string }) => <FormHelperText><HelperText><HelperTextItem>{text}</HelperTextItem></HelperText></FormHelperText>;

const numberOf = (text: string, old: number | undefined) => (text === '' ? undefined : /^\d+$/.test(text) ? Number(text) : old);

function General({ document, set, fixed }: PartProps) {
  const validity = document.validity ?? {};
  return (
    <>
      <Checkbox id="enabled" label={t('templateEnabled')} isDisabled={fixed} isChecked={document.enabled !== false} description={t('helpEnabled')} onChange={(_, enabled) => set({ enabled })} />
      <FormGroup label={t('description')} fieldId="description"><TextInput id="description" readOnlyVariant={fixed ? 'default' : undefined} value={document.description ?? ''} onChange={(_, description) => set({ description })} /><Help text={t('helpDescription')} /></FormGroup>
      <FormGroup label={t('approval')} fieldId="approval">
        <FormSelect id="approval" isDisabled={fixed} value={document.approval ?? 'role'} onChange={(_, value) => set({ approval: value as Document['approval'] })}>
          {approvals.map((one) => <FormSelectOption key={one} value={one} label={t(`approval-${one}`)} />)}
        </FormSelect>
        <Help text={t('helpApproval')} />
      </FormGroup>
      <FormGroup label={t('validityDays')} fieldId="days"><TextInput id="days" type="number" isDisabled={fixed} value={validity.days ?? ''} onChange={(_, text) => set({ validity: { ...validity, days: numberOf(text, validity.days) } })} /><Help text={t('helpDays')} /></FormGroup>
      <FormGroup label={t('mostDays')} fieldId="maxDays"><TextInput id="maxDays" type="number" isDisabled={fixed} value={validity.maxDays ?? ''} onChange={(_, text) => set({ validity: { ...validity, maxDays: numberOf(text, validity.maxDays) } })} /><Help text={t('helpMostDays')} /></FormGroup>
      <Checkbox id="endless" label={t('endless')} isDisabled={fixed} isChecked={validity.endless === true} description={t('helpEndless')} onChange={(_, endless) => set({ validity: { ...validity, endless } })} />
      <FormGroup label={t('doors')} role="group" fieldId="doors"><Ticks name="door" all={doors} shown={(one) => fieldName('doors', one)} chosen={document.doors ?? []} fixed={fixed} set={(next) => set({ doors: next as Document['doors'] })} /><Help text={t('helpDoors')} /></FormGroup>
    </>
  );
}

function Names({ document, set, fixed }: PartProps) {
  const subject = document.subject ?? {};
  const sans = document.sans ?? {};
  const words = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '');
  return (
    <>
      <FormGroup label={t('subjectFrom')} fieldId="from">
        <FormSelect id="from" isDisabled={fixed} value={subject.from ?? 'csr'} onChange={(_, value) => set({ subject: { ...subject, from: value as 'csr' } })}>
          {[...new Set(['csr', 'fixed', 'none', subject.from ?? 'csr'])].map((one) => <FormSelectOption key={one} value={one} label={one === 'csr' ? t('fromCsr') : one === 'fixed' ? t('fromTemplate') : one === 'none' ? t('fromNobody') : one} />)}
        </FormSelect>
        <Help text={t('helpSubjectFrom')} />
      </FormGroup>
      <FormGroup label={t('attributes')} fieldId="attributes"><TextInput id="attributes" isDisabled={fixed} defaultValue={(subject.attributes ?? []).join(' ')} onBlur={(event) => set({ subject: { ...subject, attributes: words(event.currentTarget.value) } })} /><Help text={t('helpAttributes')} /></FormGroup>
      <FormGroup label={t('requiredAttributes')} fieldId="required"><TextInput id="required" isDisabled={fixed} defaultValue={(subject.required ?? []).join(' ')} onBlur={(event) => set({ subject: { ...subject, required: words(event.currentTarget.value) } })} /><Help text={t('helpRequired')} /></FormGroup>
      <FormGroup label={t('sanTypes')} role="group" fieldId="sans"><Ticks name="san" shown={sanName} all={['dns', 'ip', 'email', 'uri', 'upn', 'rid', 'dirName', 'srv', 'xmpp', 'other']} chosen={sans.types ?? []} fixed={fixed} set={(next) => set({ sans: { ...sans, types: next as typeof sans.types } })} /><Help text={t('helpSanTypes')} /></FormGroup>
      <Checkbox id="cn-to-san" label={t('cnToSan')} description={t('helpCnToSan')} isDisabled={fixed} isChecked={sans.commonNameToSan === true} onChange={(_, on) => set({ sans: { ...sans, commonNameToSan: on } })} />
    </>
  );
}

const Usage = ({ document, set, fixed }: PartProps) => (
  <>
    <FormGroup label={t('keyUsage')} role="group" fieldId="ku"><Ticks name="ku" all={usages} chosen={(document.keyUsage ?? []) as string[]} fixed={fixed} set={(next) => set({ keyUsage: next as Document['keyUsage'] })} /><Help text={t('helpKeyUsage')} /></FormGroup>
    <FormGroup label={t('extendedKeyUsage')} role="group" fieldId="eku"><Ticks name="eku" all={purposes} chosen={(document.extendedKeyUsage ?? []) as string[]} fixed={fixed} set={(next) => set({ extendedKeyUsage: next as Document['extendedKeyUsage'] })} /><Help text={t('helpExtendedKeyUsage')} /></FormGroup>
  </>
);

function Json({ document, replace, fixed }: { document: Document; replace: (next: Document) => void; fixed: boolean }) {
  const [text, setText] = useState(() => JSON.stringify(document, null, 2));
  const [wrong, setWrong] = useState('');
  const read = () => {
    try {
      replace(JSON.parse(text) as Document);
      setWrong('');
    } catch (reason) {
      setWrong(String(reason));
    }
  };
  return (
    <FormGroup label={t('document')} fieldId="json">
      <TextArea id="json" rows={28} value={text} onChange={(_, value) => setText(value)} onBlur={read} readOnly={fixed} className="gh-mono" validated={wrong === '' ? 'default' : 'error'} spellCheck="false" />
      {wrong !== '' && <div role="alert">{wrong}</div>}
    </FormGroup>
  );
}

function Urls({ template }: { template: Template }) {
  const rows: [string, string][] = [
    ['REST', `${location.origin}/api/v1/templates/${template.id}/requests`],
    ['ACME', `${location.origin}/acme/${template.id}/directory`],
    ['SCEP', `${location.origin}/scep/${template.id}`],
    ['EST', `${location.origin}/.well-known/est/${template.id}`],
    ['CMP', `${location.origin}/.well-known/cmp/p/${template.id}`],
    [t('publicPage'), `${location.origin}/request/${template.id}`],
  ];
  return <>{rows.map(([name, url]) => <FormGroup key={name} label={name} fieldId={`url-${name}`}><Copy label={name} text={url} /></FormGroup>)}</>;
}

const tabs = ['general', 'names', 'usage', 'json', 'preview', 'openssl', 'versions', 'urls', 'public'];

export default function TemplatePage() {
  const { template: slug = '' } = useParams();
  const { may } = useSession();
  const navigate = useNavigate();
  const loaded = useLoad(() => api.get<Template>(`/templates/${slug}`), `template-${slug}`);
  const [draft, setDraft] = useState<Template>();
  const [parameters, setParameters] = useSearchParams();
  const asked = parameters.get('tab') ?? '';
  const tab = tabs.includes(asked) ? asked : 'general';
  const setTab = (key: string) => setParameters(key === 'general' ? {} : { tab: key }, { replace: true });
  const [cloning, setCloning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [deleting, setDeleting] = useState(false);
  const template = draft ?? loaded.value;
  const [text, setText] = useState<string>();
  const release = useGuard(draft !== undefined || text !== undefined);
  useEffect(() => { setDraft(undefined); setText(undefined); }, [loaded.value]);
  if (template === undefined) return <Page title={slug}>{loaded.problem === undefined ? <Waiting /> : <ProblemAlert problem={loaded.problem} retry={loaded.reload} />}</Page>;
  const manages = may('templates:manage');
  const fixed = !manages || text !== undefined; // one edit at a time: the forms', or the text's
  const replace = (document: Document) => setDraft({ ...template, document });
  const set = (change: Partial<Document>) => replace({ ...template.document, ...change });
  const save = () =>
    api.put(`/templates/${slug}`, { name: template.name, document: template.document, version: template.version }).then(
      () => { setProblem(undefined); release(); setDraft(undefined); loaded.reload(); },
      (reason: unknown) => setProblem(asProblem(reason)),
    );
  const part = { document: template.document, set, fixed };
  const pane = (key: string, text: string) => <Tab eventKey={key} tabContentId="template-pane" title={<TabTitleText>{text}</TabTitleText>} />;
  const actions = (
    <>
      <Button component="a" variant="secondary" download={`${slug}.json`} href={api.href(`/templates/${slug}/export`)}>{t('exportJson')}</Button>
      {manages && <Button variant="secondary" onClick={() => setCloning(true)}>{t('clone')}</Button>}
      {manages && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}
    </>
  );
  return (
    <Page title={template.name} actions={actions}>
      <div><AuthorityLink of={template.ca} /> · {t('version', { version: template.version })}</div>
      <ProblemAlert problem={problem} />
      <TabRow at={tab}><Tabs activeKey={tab} onSelect={(_, key) => setTab(String(key))} aria-label={t('templates')}>
        {pane('general', t('general'))}{pane('names', t('names'))}{pane('usage', t('usage'))}{pane('json', 'JSON')}{pane('preview', t('preview'))}{pane('openssl', 'OpenSSL')}{pane('versions', t('versions'))}{pane('urls', t('serviceUrls'))}{pane('public', t('publicPage'))}
      </Tabs></TabRow>
      {tab === 'public' ? (
        <div id="template-pane" role="tabpanel" aria-label={t('publicPage')} className="gh-stack"><TemplatePublic template={slug} open={template.document.doors?.includes('public') === true} fixed={fixed} /></div>
      ) : tab === 'openssl' ? (
        <div id="template-pane" role="tabpanel" aria-label="OpenSSL" className="gh-stack">
          <Suspense fallback={<Waiting />}>
            <TemplateText template={loaded.value ?? template} text={text} set={setText} fixed={!manages} waits={draft !== undefined} saved={() => { release(); setText(undefined); loaded.reload(); }} />
          </Suspense>
        </div>
      ) : <Form id="template-pane" role="tabpanel" aria-label={String(tab)} key={`${tab}-${template.version}`} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        {text !== undefined && <Alert isInline variant="info" title={t('saveTextFirst')} />}
        {tab === 'general' && !fixed && <FormGroup label={t('name')} fieldId="name"><TextInput id="name" value={template.name} onChange={(_, name) => setDraft({ ...template, name })} /></FormGroup>}
        {tab === 'general' && <General {...part} />}
        {tab === 'names' && <Names {...part} />}
        {tab === 'usage' && <Usage {...part} />}
        {tab === 'json' && <Json document={template.document} replace={replace} fixed={fixed} />}
        {tab === 'usage' && (template.document.ct?.logs?.length ?? 0) > 0 && <Test label={t('testLogs')} looks={() => [{ kind: 'transparency', targets: (template.document.ct?.logs ?? []).flatMap((one) => one.url ?? []).slice(0, 16) }]} />}
        {tab === 'usage' && template.document.caa?.check === true && <TestOf id="test-caa" label={t('testName')} first="" looks={(name) => [{ kind: 'dns', targets: [name], view: { resolvers: template.document.caa?.resolvers ?? [] } }]} />}
        {tab === 'general' && (template.document.hook?.url ?? '') !== '' && <Test label={t('testHook')} looks={() => [{ kind: 'url', targets: [template.document.hook?.url ?? ''] }]} />}
        {tab === 'preview' && <Preview template={template} />}
        {tab === 'versions' && <Versions template={template} />}
        {tab === 'urls' && <Urls template={template} />}
        {!fixed && ['general', 'names', 'usage', 'json', 'preview'].includes(tab) && (
          <ActionGroup>
            <Button type="submit" isDisabled={draft === undefined}>{t('save')}</Button>
            {draft !== undefined && <Button variant="link" onClick={() => setDraft(undefined)}>{t('discard')}</Button>}
          </ActionGroup>
        )}
      </Form>}
      {cloning && <Clone template={template} close={() => setCloning(false)} />}
      {deleting && (
        <Confirm title={t('deleteName', { name: template.name })} act={t('delete')} danger name={template.name} run={() => api.delete(`/templates/${slug}`)}
          close={(done) => { setDeleting(false); if (done) navigate('/templates'); }}>{t('deleteTemplateSays')}</Confirm>
      )}
    </Page>
  );
}
