/** What the server says in English, for German readers, by its stable codes. What is not here is shown as it comes. */
export const warnings: Record<string, string> = {
  'key-2030': 'Die Sicherheit dieses Schlüssels gilt dem NIST nach 2030 als veraltet (SP 800-131A), und das Zertifikat endet später; wechseln Sie den Schlüssel vorher.',
  'key-2035': 'Schlüssel dieser Art sind dem NIST nach 2035 nicht mehr erlaubt (IR 8547), und das Zertifikat endet später; wechseln Sie vorher zu ML-DSA oder SLH-DSA.',
  'hash-2030': 'Das Zertifikat ist mit einem Hashverfahren signiert, das dem NIST nach 2030 nicht mehr erlaubt ist (SP 800-131A), und endet später; erneuern Sie es.',
  expired: 'Das Zertifikat der Stelle ist abgelaufen.',
  'chain-incomplete': 'Der Kette fehlt ein Aussteller; importieren Sie das Zertifikat der Stelle noch einmal mitsamt seinen Ausstellern.',
  'expires-soon': 'Das Zertifikat der Stelle endet bald; erneuern Sie sie oder wechseln Sie den Schlüssel.',
};

/** Sets of starters: name and description. */
export const sets: Record<string, readonly [string, string]> = {
  authority: ['Stellen', 'Die Zertifikate von Stellen selbst und ihrer Statusdienste.'],
  basics: ['Grundlagen', 'Womit die meisten Stellen beginnen.'],
  charging: ['Laden von Elektrofahrzeugen', 'ISO 15118: Ladesäulen und Vertragskennungen.'],
  code: ['Codesignatur (privat)', 'Signaturen von Programmen, denen die eigenen Maschinen vertrauen.'],
  document: ['Dokumentensignatur', 'Signaturen und Siegel in PDF- und Office-Dokumenten (RFC 9336).'],
  domain: ['Windows-Domäne', 'Domänencontroller, Anmeldung mit Smartcard und Maschinen im Active Directory.'],
  esim: ['eSIM-Fernverwaltung', 'Server der GSMA-Architektur für eSIM (SGP.22).'],
  'est-devices': ['Geräte (EST)', 'Geräte, die EST sprechen.'],
  general: ['Allgemeine Zwecke', 'Server und Clients mit allen üblichen Schlüsselverwendungen.'],
  inspection: ['TLS-Einsicht', 'Untergeordnete Stellen in Firewalls und Proxys, die in TLS hineinsehen.'],
  ipsec: ['IPsec', 'Gateways und Clients von IKEv2 (RFC 4945).'],
  kubernetes: ['Kubernetes', 'Die Zertifikate eines Clusters (PKI-Anforderungen von Kubernetes).'],
  mail: ['Sichere E-Mail', 'Signatur und Verschlüsselung von E-Mail in der eigenen Organisation.'],
  'managed-intune': ['Verwaltete Geräte (Intune)', 'Geräte, die Intune verwaltet und die sich per SCEP einschreiben.'],
  'managed-mdm': ['Verwaltete Geräte (MDM)', 'Geräte anderer Verwaltungsprodukte.'],
  matter: ['Matter', 'Betriebs- und Herkunftszertifikate von Matter-Geräten.'],
  mobile: ['Mobilgeräte', 'Telefone und Tablets, die sich selbst ausweisen.'],
  mqtt: ['MQTT und IoT', 'Broker und die Geräte, die an sie senden.'],
  'network-elements': ['Netzelemente (CMP)', 'Basisstationen, Gateways und andere Elemente, die CMP sprechen.'],
  'private-tls': ['Privates TLS', 'TLS im eigenen Netz, per ACME oder von Hand.'],
  public: ['Öffentlich vertraute Regeln', 'Vorlagen, die die Baseline Requirements des CA/Browser Forums einhalten und anderes verweigern.'],
  qualified: ['Qualifiziert (eIDAS)', 'ETSI EN 319 412. Ändern Sie vor dem Gebrauch die Adresse der Erklärung.'],
  'scep-devices': ['Geräte (SCEP)', 'Router, Drucker und andere Geräte, die SCEP sprechen.'],
  'smart-card': ['Smartcards (PIV)', 'Die Zertifikate einer PIV-Karte und dessen, woran sie anmeldet.'],
  status: ['Status', 'Antwortgeber für Zertifikatsstatus außerhalb dieser Instanz (RFC 6960).'],
  'time-stamping': ['Zeitstempel', 'Aussteller von Zeitstempeln (RFC 3161).'],
  wifi: ['WLAN und LAN (EAP-TLS)', 'Benutzer, Geräte und der RADIUS-Server von IEEE 802.1X.'],
  windows: ['Windows-Einschreibung', 'Was Windows-Clients und -Server einer Domäne von selbst beantragen.'],
};

/** Kinds of mail. */
export const mails: Record<string, string> = {
  test: 'Der Test der Einstellungen.',
  'request.verify': 'An Anfragende der öffentlichen Seite: beweist die Adresse.',
  'request.submitted': 'An Anfragende der öffentlichen Seite: der Antrag ist da.',
  'request.waiting': 'An alle, die genehmigen können: ein Antrag wartet.',
  'request.approved': 'An Anfragende: genehmigt, mit dem Link, der das Zertifikat macht.',
  'request.invited': 'An Menschen, für die ein Zertifikat vorab genehmigt ist.',
  'device.profile': 'An Besitzer eines Apple-Geräts: der Link zum Profil.',
  'request.declined': 'An Anfragende: abgelehnt.',
  'request.cancelled': 'An Anfragende: zurückgezogen.',
  'certificate.issued': 'An Anfragende und Besitzer: das Zertifikat ist da.',
  'certificate.revoked': 'An Besitzer: das Zertifikat ist gesperrt oder ausgesetzt.',
  'certificate.expiring': 'An Besitzer: das Zertifikat endet bald.',
  'authority.expiring': 'An Administratoren: ein Zertifikat einer Stelle, eines Dienstes oder der Instanz endet bald.',
  'job.failed': 'An Administratoren: etwas, das von selbst geschieht, ist gescheitert.',
  digest: 'Mehrere Hinweise in einer Mail.',
  report: 'Ein Bericht nach Plan; die Datei liegt bei.',
};

export const roles: Record<string, string> = { administrator: 'Administrator', officer: 'Sachbearbeiter', requester: 'Antragsteller', auditor: 'Prüfer' };
