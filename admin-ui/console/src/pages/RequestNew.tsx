import { ActionGroup, Button, Checkbox, FileUpload, Form, FormGroup, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { asProblem, useLoad } from '../parts/load';
import { Page, ProblemAlert } from '../parts/small';
import { useSession } from '../session';
import { Comparison, useCompared } from '../parts/Comparison';
import { Panes } from '../parts/tabs';
import { useVariables } from '../parts/Variables';
import { useValidity } from '../parts/Validity';
import { t } from '../texts';
import { Invite, WithKey } from './RequestForm';

type Template = Schema['Template'];

export default function RequestNew() {
  const { cas, ca: scoped, choose } = useScope();
  const { may } = useSession();
  const navigate = useNavigate();
  const active = (cas.value ?? []).filter((one) => one.state === 'active');
  const ca = scoped !== '' ? scoped : active[0]?.id ?? '';
  const templates = useLoad(async () => (ca === '' ? [] : await api.all<Template>(`/cas/${ca}/templates`)), `request-templates-${ca}`);
  const [template, setTemplate] = useState('');
  const [csr, setCsr] = useState('');
  const [file, setFile] = useState('');
  const [issue, setIssue] = useState(true);
  const [problem, setProblem] = useState<Problem>();
  const chosen = templates.value?.find((one) => one.id === template)?.id ?? templates.value?.[0]?.id ?? '';
  const validity = useValidity('request');
  const variables = useVariables('request', templates.value?.find((one) => one.id === chosen)?.document.variables ?? []);
  const compared = useCompared(csr, chosen, { ...(validity.ready ? validity.body : {}), ...variables.body });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const request = await api.post<Schema['Request']>(`/templates/${chosen}/requests`, {
        csr, ...validity.body, ...variables.body, ...(issue && may('requests:decide') ? { issue: true } : {}),
      });
      navigate(request.certificateId === null ? `/requests/${request.id}` : `/certificates/${request.certificateId}`);
    } catch (reason) {
      setProblem(asProblem(reason));
    }
  };
  const byCsr = () => (
      <div className="gh-two">
        <Form onSubmit={(event) => void submit(event)}>
          <FormGroup label="CSR" fieldId="csr" isRequired>
            <FileUpload id="csr" type="text" value={csr} filename={file} allowEditingUploadedText filenamePlaceholder={t('dropCsr')} browseButtonText={t('browse')} clearButtonText={t('clear')}
              onFileInputChange={(_, chosenFile) => setFile(chosenFile.name)} onDataChange={(_, value) => setCsr(value)} onTextChange={(_, value) => setCsr(value)}
              onClearClick={() => { setCsr(''); setFile(''); }} />
          </FormGroup>
          {variables.fields}
          {validity.fields}
          {may('requests:decide') && <Checkbox id="issue" label={t('signAtOnce')} isChecked={issue} onChange={(_, on) => setIssue(on)} />}
          <ProblemAlert problem={problem} />
          <ActionGroup><Button type="submit" isDisabled={csr.trim() === '' || chosen === '' || !validity.ready || !variables.ready}>{t('submit')}</Button></ActionGroup>
        </Form>
        <section aria-label={t('preview')} className="gh-stack">
          {csr.trim() === '' ? <p>{t('pasteToSee')}</p> : <h2>{t('willBecome')}</h2>}
          <Comparison compared={compared} />
        </section>
      </div>
  );
  return (
    <Page title={t('newRequest')}>
      <div className="gh-two">
          <FormGroup label={t('authority')} fieldId="request-ca"><FormSelect id="request-ca" value={ca} onChange={(_, value) => choose(value)}>{active.map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}</FormSelect></FormGroup>
          <FormGroup label={t('template')} fieldId="request-template"><FormSelect id="request-template" value={chosen} onChange={(_, value) => setTemplate(value)}>{(templates.value ?? []).map((one) => <FormSelectOption key={one.id} value={one.id} label={one.name} />)}</FormSelect></FormGroup>
      </div>
      <Panes label={t('newRequest')} panes={[
        { key: 'csr', title: t('wayCsr'), body: byCsr },
        { key: 'invite', title: t('forSomebody'), body: () => <Invite key={chosen} template={chosen} /> },
        ...(may('requests:decide') ? [{ key: 'key', title: t('withKey'), body: () => <WithKey key={chosen} template={chosen} /> }] : []),
      ]} />
    </Page>
  );
}
