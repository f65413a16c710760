/** The server's words for states and outcomes, as people read them in German; English takes them as they are. */
const german: Record<string, string> = {
  active: 'aktiv', again: 'noch einmal', any: 'beliebig', approved: 'genehmigt', archived: 'archiviert', asked: 'gefragt', available: 'verfügbar',
  'awaiting-csr': 'wartet auf den CSR', away: 'nicht erreichbar', cancelled: 'zurückgezogen', 'certificate-only': 'nur Zertifikat', changed: 'verändert',
  confirm: 'zu bestätigen', confirmed: 'bestätigt', connected: 'verbunden', consumed: 'verbraucht', counting: 'zählt', database: 'Datenbank',
  deactivated: 'stillgelegt', declined: 'abgelehnt', destroyed: 'vernichtet', disabled: 'abgeschaltet', done: 'fertig', expired: 'abgelaufen',
  failed: 'gescheitert', failure: 'Fehlschlag', 'given-up': 'aufgegeben', held: 'ausgesetzt', invalid: 'ungültig', invited: 'eingeladen', issued: 'ausgestellt',
  never: 'nie', next: 'nächster', pending: 'offen', processing: 'in Arbeit', ready: 'bereit', refused: 'verweigert', rejected: 'zurückgewiesen', retired: 'abgelöst',
  revoked: 'gesperrt', running: 'läuft', success: 'Erfolg', suspended: 'gesperrt', token: 'Token', 'used-up': 'aufgebraucht', valid: 'gültig', waiting: 'wartet',
};

export const germanState = (state: string): string => german[state] ?? state;
