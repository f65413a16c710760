import { Button, Card, CardBody, CardTitle, Content } from '@patternfly/react-core';
import { Factors } from '../parts/Factors';
import { useSession } from '../session';
import { t } from '../texts';

/** A role demands a second factor: nothing else is open before there is one. */
export function FirstFactor() {
  const { refresh, leave } = useSession();
  return (
    <main className="gh-login gh-login-wide">
      <Card>
        <CardTitle component="h1">{t('firstFactor')}</CardTitle>
        <CardBody className="gh-stack">
          <Content component="p">{t('firstFactorSays')}</Content>
          <Factors changed={() => void refresh()} />
          <div><Button variant="link" isInline onClick={() => void leave()}>{t('logOut')}</Button></div>
        </CardBody>
      </Card>
    </main>
  );
}
