import { Alert, Button, Card, CardBody, CardTitle, FileUpload, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';
import { api, type Problem, type Schema } from '../api/client';
import { asProblem } from '../parts/load';
import { CodeText, Page, ProblemAlert } from '../parts/small';
import { t } from '../texts';

const levels = { error: 'danger', warning: 'warning', info: 'info' } as const;

async function asText(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder('utf-8').decode(bytes);
  if (text.includes('-----BEGIN')) return text;
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export default function Inspect() {
  const [data, setData] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [result, setResult] = useState<Schema['Inspection']>();
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      setResult(await api.post<Schema['Inspection']>('/inspect', { data, ...(password === '' ? {} : { password }) }));
      setProblem(undefined);
    } catch (reason) {
      setProblem(asProblem(reason));
      setResult(undefined);
    }
  };
  return (
    <Page title={t('inspect')}>
      <p>{t('inspectHelp')}</p>
      <Form onSubmit={(event) => void submit(event)}>
        <FormGroup label={t('data')} fieldId="data">
          <FileUpload id="data" type="text" value={data} filename={name} allowEditingUploadedText filenamePlaceholder={t('dropFile')} browseButtonText={t('browse')} clearButtonText={t('clear')}
            onFileInputChange={(_, file) => { setName(file.name); void asText(file).then(setData); }} onTextChange={(_, value) => setData(value)} onClearClick={() => { setData(''); setName(''); }} />
        </FormGroup>
        <FormGroup label={t('filePassword')} fieldId="file-password"><TextInput id="file-password" type="password" value={password} autoComplete="off" onChange={(_, value) => setPassword(value)} /></FormGroup>
        <div><Button type="submit" isDisabled={data.trim() === ''}>{t('inspect')}</Button></div>
      </Form>
      <ProblemAlert problem={problem} />
      {result?.chains.map((chain, index) => chain.problems.map((text) => <Alert key={`${index}-${text}`} isInline variant="warning" title={text} />))}
      {result?.items.map((item, index) => (
        <Card key={`${item.sha256}-${index}`}>
          <CardTitle component="h2">{index + 1}. {item.type}</CardTitle>
          <CardBody>
            {item.findings.map((finding) => <Alert key={finding.message} isInline isPlain variant={levels[finding.level]} title={finding.message} />)}
            <CodeText label={item.type} text={item.text} />
          </CardBody>
        </Card>
      ))}
    </Page>
  );
}
