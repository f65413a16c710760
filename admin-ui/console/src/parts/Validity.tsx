import { FormGroup, Radio, TextInput } from '@patternfly/react-core';
import { useState, type ReactNode } from 'react';
import { t } from '../texts';

const utc = (local: string): string => new Date(local).toISOString().replace(/\.\d+Z$/, 'Z');

/** How long: as the template says, some days, or from one time to another (in the viewer's zone). */
export function useValidity(id: string): { body: Record<string, unknown>; fields: ReactNode; ready: boolean } {
  const [way, setWay] = useState<'template' | 'days' | 'times'>('template');
  const [days, setDays] = useState('');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const body = {
    ...(way === 'days' && days !== '' ? { validityDays: Number(days) } : {}),
    ...(way === 'times' && from !== '' ? { notBefore: utc(from) } : {}),
    ...(way === 'times' && to !== '' ? { notAfter: utc(to) } : {}),
  };
  const fields = (
    <FormGroup role="radiogroup" label={t('validity')} fieldId={`${id}-validity`} isStack>
      <div className="gh-choices">{([['template', t('asTemplate')], ['days', t('someDays')], ['times', t('startAndEnd')]] as const).map(([one, text]) => (
        <Radio key={one} id={`${id}-by-${one}`} name={`${id}-way`} label={text} isChecked={way === one} onChange={() => setWay(one)} />
      ))}</div>
      {way === 'days' && <TextInput id={`${id}-number`} type="number" min={1} aria-label={t('validityDays')} value={days} onChange={(_, value) => setDays(value)} />}
      {way === 'times' && (
        <div className="gh-two">
          <label>{t('start')}<TextInput id={`${id}-from`} type="datetime-local" value={from} onChange={(_, value) => setFrom(value)} /></label>
          <label>{t('endTime')}<TextInput id={`${id}-to`} type="datetime-local" value={to} onChange={(_, value) => setTo(value)} /></label>
        </div>
      )}
    </FormGroup>
  );
  return { body, fields, ready: way === 'template' || (way === 'days' ? Number(days) > 0 : to !== '') };
}
