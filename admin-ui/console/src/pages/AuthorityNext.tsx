import { Card, CardBody, CardTitle, Content } from '@patternfly/react-core';
import { Link } from 'react-router-dom';
import { api, type Schema } from '../api/client';
import { useScope } from '../frame/scope';
import { useLoad } from '../parts/load';
import { Copy } from '../parts/small';
import { useSession } from '../session';
import { t } from '../texts';

type Ca = Schema['Ca'];
type Template = Schema['Template'];

/** Where the clients of each protocol are pointed to, for those that the template lets in. */
const clients = (template: Template): [string, string][] => {
  const commands: [string, string, string][] = [
    ['acme', 'ACME (certbot)', `certbot certonly --standalone --server ${location.origin}/acme/${template.id}/directory -d www.example.com`],
    ['est', 'EST (curl)', `curl -u NAME:SECRET -H "Content-Type: application/pkcs10" -H "Content-Transfer-Encoding: base64" --data-binary @request.b64 ${location.origin}/.well-known/est/${template.id}/simpleenroll`],
    ['scep', 'SCEP', `${location.origin}/scep/${template.id}`],
    ['cmp', 'CMP (openssl)', `openssl cmp -cmd ir -server ${location.host} -tls_used -path .well-known/cmp/p/${template.id} -ref NAME -secret pass:SECRET -newkey key.pem -subject "/CN=www.example.com" -certout certificate.pem`],
  ];
  return commands.filter(([door]) => (template.document.doors as string[] | undefined)?.includes(door) === true).map(([, name, text]) => [name, text]);
};

/** After an authority was made or brought in: what was taken over, and the first certificate step by step. */
export function AuthorityNext({ ca }: { ca: Ca }) {
  const { may } = useSession();
  const { choose } = useScope();
  const templates = useLoad(() => api.all<Template>(`/cas/${ca.id}/templates`), `next-templates-${ca.id}`);
  const known = useLoad(async () => (may('certificates:read') ? await api.get<Schema['Count']>('/certificates/count', { ca: ca.id, use: 'end-entity' }) : undefined), `next-count-${ca.id}`);
  const list = useLoad(async () => (ca.state === 'active' ? await api.get<Schema['CrlInfo']>(`/cas/${ca.id}/crl`) : undefined), `next-crl-${ca.id}`);
  const template = templates.value?.find((one) => one.document.enabled !== false);
  const key = 'openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj "/CN=www.example.com" -addext "subjectAltName=DNS:www.example.com" -out request.csr';
  const ask = `curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/pkcs10" --data-binary @request.csr ${location.origin}/api/v1/templates/${template?.id ?? ''}/requests`;
  return (
    <Card>
      <CardTitle component="h2">{t('whatNext')}</CardTitle>
      <CardBody className="gh-stack">
        {(known.value?.count ?? 0) > 0 && <p>{t('tookOver', { count: known.value?.count ?? 0, number: list.value?.number ?? '–' })} <Link to="/certificates" onClick={() => choose(ca.id)}>{t('show')}</Link></p>}
        {ca.state === 'waiting' && <p>{t('nextWaiting')}</p>}
        {ca.state === 'certificate-only' && <p>{t('externalSays')}</p>}
        {template !== undefined && ca.state === 'active' && (
          <Content component="ol">
            <Content component="li">{t('nextTrust')}<Copy label={t('nextTrust')} text={`curl -o ${ca.id}.crt ${location.origin}/ca/${ca.id}.crt`} /></Content>
            <Content component="li">{t('nextKey')}<Copy label={t('nextKey')} text={key} /></Content>
            <Content component="li"><Link to="/account">{t('nextToken')}</Link><Copy label={t('nextToken')} text="export TOKEN=gh_..." /></Content>
            <Content component="li">{t('nextAsk', { name: template.name })}<Copy label={t('nextAsk', { name: template.name })} text={ask} /></Content>
            <Content component="li"><Link to="/request">{t('nextConsole')}</Link> · <Link to={`/templates/${template.id}`}>{t('nextTemplate')}</Link></Content>
            {clients(template).map(([name, text]) => <Content component="li" key={name}>{name}<Copy label={name} text={text} /></Content>)}
          </Content>
        )}
      </CardBody>
    </Card>
  );
}
