import { Divider, Dropdown, DropdownItem, DropdownList, FormGroup, MenuToggle, TextInput } from '@patternfly/react-core';
import { BookmarkIcon } from '@patternfly/react-icons';
import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { api, type Page as List, type Schema } from '../api/client';
import { t } from '../texts';
import { FormDialog } from './Dialog';

/** Filters of a list that were given a name; they belong to the user. What precedes them says which list they are of. */
export function ListViews({ list }: { list: string }) {
  const [parameters, setParameters] = useSearchParams();
  const [open, setOpen] = useState(false);
  const [saving, setSaving] = useState(false);
  const [name, setName] = useState('');
  const [views, setViews] = useState<Schema['View'][]>();
  const prefix = `list=${list}&`;
  const filter = prefix + parameters.toString();
  const load = () => api.get<List<Schema['View']>>('/views').then((all) => setViews(all.items.filter((one) => one.filter.startsWith(prefix))), () => setViews([]));
  const shown = views?.find((one) => one.filter === filter);
  const toggle = (next: boolean) => { setOpen(next); if (next) void load(); };
  return (
    <>
      <Dropdown shouldFocusFirstItemOnOpen isOpen={open} onOpenChange={toggle} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }}
        toggle={(ref) => <MenuToggle ref={ref} variant="plain" aria-label={t('savedViews')} onClick={() => toggle(!open)} isExpanded={open}><BookmarkIcon /></MenuToggle>}>
        <DropdownList>
          {(views ?? []).map((one) => <DropdownItem key={one.id} isSelected={one.id === shown?.id} onClick={() => setParameters(new URLSearchParams(one.filter.slice(prefix.length)))}>{one.name}</DropdownItem>)}
          {(views ?? []).length > 0 && <Divider component="li" />}
          {shown === undefined
            ? <DropdownItem isDisabled={parameters.toString() === ''} description={parameters.toString() === '' ? t('viewNeedsFilter') : undefined} onClick={() => { setName(''); setSaving(true); }}>{t('saveView')}</DropdownItem>
            : <DropdownItem onClick={() => void api.delete(`/views/${shown.id}`)}>{t('deleteView')}</DropdownItem>}
        </DropdownList>
      </Dropdown>
      {saving && (
        <FormDialog title={t('saveView')} act={t('save')} ready={name.trim() !== ''} close={() => setSaving(false)} run={() => api.post('/views', { name: name.trim(), filter })}>
          <FormGroup label={t('name')} fieldId="list-view-name" isRequired><TextInput id="list-view-name" value={name} onChange={(_, value) => setName(value)} /></FormGroup>
        </FormDialog>
      )}
    </>
  );
}
