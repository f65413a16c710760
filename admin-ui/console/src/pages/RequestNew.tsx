import { ActionGroup, Alert, Button, Checkbox, FileUpload, Form, FormGroup, FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';
import { useEffect, useState, type FormEvent } from 'react';
import { useNavigate } from 'react-router-dom';
import { api, type Problem, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { asProblem, useLoad } from '../parts/load';
import { CodeText, Page, ProblemAlert } from '../parts/small';
import { useSession } from '../session';
import { Panes } from '../parts/tabs';
import { t } from '../texts';
import { Invite, WithKey } from './RequestForm';

type Template = Schema['Template'];

/** What the CSR says, as one types; what the template makes of it, beside. */
function useDecoded(csr: string, template: string) {
  const [own, setOwn] = useState('');
  const [made, setMade] = useState('');
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    setProblem(undefined);
    if (csr.trim() === '') { setOwn(''); setMade(''); return undefined; }
    let current = true;
    const timer = setTimeout(() => {
      api.post<Schema['Inspection']>('/inspect', { data: csr }).then(
        (answer) => current && setOwn(answer.items[0]?.text ?? ''),
        (reason: unknown) => { if (current) { setOwn(''); setProblem(asProblem(reason)); } });
      if (template !== '')
        api.post<Schema['Previewed']>(`/templates/${template}/preview`, { csr }).then(
          (answer) => current && setMade(answer.text),
          (reason: unknown) => { if (current) { setMade(''); setProblem(asProblem(reason)); } });
    }, 400);
    return () => { current = false; clearTimeout(timer); };
  }, [csr, template]);
  return { own, made, problem };
}

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
  const [days, setDays] = useState('');
  const [issue, setIssue] = useState(true);
  const [problem, setProblem] = useState<Problem>();
  const chosen = templates.value?.find((one) => one.id === template)?.id ?? templates.value?.[0]?.id ?? '';
  const decoded = useDecoded(csr, chosen);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const request = await api.post<Schema['Request']>(`/templates/${chosen}/requests`, {
        csr, ...(days === '' ? {} : { validityDays: Number(days) }), ...(issue && may('requests:decide') ? { issue: true } : {}),
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
            <FileUpload id="csr" type="text" value={csr} filename={file} allowEditingUploadedText filenamePlaceholder={t('dropCsr')} browseButtonText={t('browse')}
              onFileInputChange={(_, chosenFile) => setFile(chosenFile.name)} onDataChange={(_, value) => setCsr(value)} onTextChange={(_, value) => setCsr(value)}
              onClearClick={() => { setCsr(''); setFile(''); }} />
          </FormGroup>
          <FormGroup label={t('validityDays')} fieldId="request-days"><TextInput id="request-days" type="number" min={1} value={days} onChange={(_, value) => setDays(value)} /></FormGroup>
          {may('requests:decide') && <Checkbox id="issue" label={t('signAtOnce')} isChecked={issue} onChange={(_, on) => setIssue(on)} />}
          <ProblemAlert problem={problem} />
          <ActionGroup><Button type="submit" isDisabled={csr.trim() === '' || chosen === ''}>{t('submit')}</Button></ActionGroup>
        </Form>
        <section aria-label={t('preview')}>
          {decoded.problem !== undefined && <Alert isInline variant="warning" title={decoded.problem.message} />}
          {decoded.made !== '' && <><h2>{t('willBecome')}</h2><CodeText label={t('willBecome')} text={decoded.made} /></>}
          {decoded.own !== '' && <><h2>CSR</h2><CodeText label="CSR" text={decoded.own} /></>}
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
