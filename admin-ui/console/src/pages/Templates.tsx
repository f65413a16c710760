import { Button, Card, CardBody, CardTitle, Form, FormGroup, FormSelect, FormSelectOption, Label, LabelGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { asProblem, useLoad } from '../parts/load';
import { Page, ProblemAlert, Waiting } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t } from '../texts';
import { StarterSets } from './StarterSets';
import { ImportTemplate } from './TemplateViews';

type Template = Schema['Template'];
type Starter = Schema['Starter'];

function NewTemplate({ close }: { close: () => void }) {
  const { cas, ca: scoped } = useScope();
  const navigate = useNavigate();
  const starters = useLoad(() => api.get<List<Starter>>('/starters'), 'starters');
  const able = (cas.value ?? []).filter((one) => one.state === 'active');
  const [ca, setCa] = useState(scoped !== '' ? scoped : able[0]?.id ?? '');
  const [starter, setStarter] = useState('');
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const chosen = starters.value?.items.find((one) => one.id === starter) ?? starters.value?.items[0];
  const create = async () => {
    if (chosen === undefined) return;
    try {
      const made = await api.post<Template>(`/cas/${ca}/templates`, { name: name || chosen.name, starter: chosen.id });
      navigate(`/templates/${made.id}`);
    } catch (reason) {
      setProblem(asProblem(reason));
    }
  };
  return (
    <Modal isOpen variant="medium" onClose={close} aria-labelledby="new-template">
      <ModalHeader title={t('newTemplate')} labelId="new-template" />
      <ModalBody>
        <Form>
          <ProblemAlert problem={problem ?? starters.problem} />
          <FormGroup label={t('authority')} fieldId="template-ca">
            <FormSelect id="template-ca" value={ca} onChange={(_, value) => setCa(value)}>{able.map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}</FormSelect>
          </FormGroup>
          <FormGroup label={t('starter')} fieldId="starter">
            <FormSelect id="starter" value={chosen?.id ?? ''} onChange={(_, value) => setStarter(value)}>
              {(starters.value?.items ?? []).map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}
            </FormSelect>
          </FormGroup>
          <FormGroup label={t('name')} fieldId="template-name"><TextInput id="template-name" value={name} placeholder={chosen?.name ?? ''} onChange={(_, value) => setName(value)} /></FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button onClick={() => void create()} isDisabled={ca === '' || chosen === undefined}>{t('create')}</Button>
        <Button variant="link" onClick={close}>{t('cancel')}</Button>
      </ModalFooter>
    </Modal>
  );
}

function OfCa({ slug, name }: { slug: string; name: string }) {
  const list = useLoad(() => api.all<Template>(`/cas/${slug}/templates`), `templates-of-${slug}`, 60000);
  return (
    <Card>
      <CardTitle component="h2"><Link to={`/cas/${slug}`}>{name}</Link></CardTitle>
      <CardBody>
        <ProblemAlert problem={list.problem} retry={list.reload} />
        {list.value === undefined ? <Waiting /> : (
          <ul className="gh-plain">
            {list.value.map((one) => (
              <li key={one.id}>
                <Link to={`/templates/${one.id}`}>{one.name}</Link> {one.document.enabled === false && <Label isCompact>{t('off')}</Label>}{' '}
                <LabelGroup aria-label={t('doors')} numLabels={10}>{(one.document.doors ?? []).map((door) => <Label isCompact variant="outline" key={door}>{door}</Label>)}</LabelGroup>
              </li>
            ))}
          </ul>
        )}
      </CardBody>
    </Card>
  );
}

export default function Templates() {
  const { cas, ca } = useScope();
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [version, setVersion] = useState(0);
  const [importing, setImporting] = useState(false);
  const shown = (cas.value ?? []).filter((one) => ca === '' || one.id === ca);
  return (
    <Page title={t('templates')} actions={may('templates:manage') && <><Button variant="secondary" onClick={() => setImporting(true)}>{t('import')}</Button><Button onClick={() => setMaking(true)}>{t('newTemplate')}</Button></>}>
      <ProblemAlert problem={cas.problem} retry={cas.reload} />
      <Panes label={t('templates')} panes={[
        { key: 'templates', title: t('allTemplates'), body: () => (
          <>
            {cas.value !== undefined && shown.length === 0 && t('noAuthority')}
            <div className="gh-two">{shown.map((one) => <OfCa key={`${one.id}-${version}`} slug={one.id} name={one.name} />)}</div>
          </>
        ) },
        { key: 'uses', title: t('useCases'), body: () => <StarterSets changed={() => setVersion(version + 1)} /> },
      ]} />
      {importing && <ImportTemplate close={() => setImporting(false)} />}
      {making && <NewTemplate close={() => setMaking(false)} />}
    </Page>
  );
}
