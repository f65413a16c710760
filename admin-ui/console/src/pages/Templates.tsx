import { Button, Form, FormGroup, FormSelect, FormSelectOption, Label, LabelGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router-dom';
import { api, type Page as List, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { DataList, type Column } from '../parts/DataList';
import { asProblem, useLoad } from '../parts/load';
import { Page, ProblemAlert, StateLabel, When } from '../parts/small';
import { Panes } from '../parts/tabs';
import { useSession } from '../session';
import { t } from '../texts';
import { fieldName } from '../texts/fields';
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

interface Row extends Template { authority: string }

const columns: Column<Row>[] = [
  { id: 'name', title: t('name'), text: (one) => one.name, cell: (one) => <Link to={`/templates/${one.id}`}>{one.name}</Link> },
  { id: 'ca', title: t('authority'), text: (one) => one.authority, cell: (one) => <Link to={`/cas/${one.ca}`}>{one.authority}</Link> },
  { id: 'state', title: t('state'), text: (one) => (one.document.enabled === false ? 'disabled' : 'active'), cell: (one) => <StateLabel state={one.document.enabled === false ? 'disabled' : 'active'} /> },
  { id: 'doors', title: t('doors'), text: (one) => (one.document.doors ?? []).join(' '), cell: (one) => <LabelGroup aria-label={`${t('doors')}: ${one.name}`} numLabels={10}>{(one.document.doors ?? []).map((door) => <Label isCompact variant="outline" key={door}>{fieldName('doors', door)}</Label>)}</LabelGroup> },
  { id: 'description', title: t('description'), text: (one) => one.document.description ?? '', cell: (one) => one.document.description ?? '–', hidden: true },
  { id: 'changed', title: t('changedAt'), text: (one) => one.changedAt, cell: (one) => <When at={one.changedAt} />, hidden: true },
];

/** Of all authorities in view, one after the other. */
async function loadTemplates(cas: readonly Schema['Ca'][]): Promise<List<Row>> {
  const lists = await Promise.all(cas.map(async (ca) => (await api.all<Template>(`/cas/${ca.id}/templates`)).map((one): Row => ({ ...one, authority: ca.name }))));
  return { items: lists.flat(), next: null };
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
            {shown.length > 0 && <DataList paged={false} name="templates" label={t('templates')} path={`/templates#${shown.map((one) => one.id).join()}`} load={() => loadTemplates(shown)} columns={columns} id={(one) => one.id} empty={t('nothingHere')} version={version} />}
          </>
        ) },
        { key: 'uses', title: t('useCases'), body: () => <StarterSets changed={() => setVersion(version + 1)} /> },
      ]} />
      {importing && <ImportTemplate close={() => setImporting(false)} />}
      {making && <NewTemplate close={() => setMaking(false)} />}
    </Page>
  );
}
