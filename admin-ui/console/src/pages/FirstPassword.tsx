import { Card, CardBody, CardTitle, Content } from '@patternfly/react-core';
import { PasswordForm } from '../parts/PasswordForm';
import { useSession } from '../session';
import { t } from '../texts';

export function FirstPassword() {
  const { refresh } = useSession();
  return (
    <main className="gh-login">
      <Card>
        <CardTitle component="h1">{t('choosePassword')}</CardTitle>
        <CardBody>
          <Content component="p">{t('oneTimePasswordUsed')}</Content>
          <PasswordForm done={() => void refresh()} />
        </CardBody>
      </Card>
    </main>
  );
}
