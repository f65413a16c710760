import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes, useLocation } from 'react-router-dom';
import { Frame } from './frame/Frame';
import { ScopeProvider } from './frame/scope';
import { Login } from './pages/Login';
import { Waiting } from './parts/small';
import { useSession } from './session';

const Register = lazy(() => import('./pages/Register').then((m) => ({ default: m.Register })));
const FirstPassword = lazy(() => import('./pages/FirstPassword').then((m) => ({ default: m.FirstPassword })));
const FirstFactor = lazy(() => import('./pages/FirstFactor').then((m) => ({ default: m.FirstFactor })));
const Dashboard = lazy(() => import('./pages/Dashboard'));
const Authorities = lazy(() => import('./pages/Authorities'));
const AuthorityNew = lazy(() => import('./pages/AuthorityNew'));
const AuthorityImport = lazy(() => import('./pages/AuthorityImport'));
const Authority = lazy(() => import('./pages/Authority'));
const Templates = lazy(() => import('./pages/Templates'));
const Template = lazy(() => import('./pages/Template'));
const Certificates = lazy(() => import('./pages/Certificates'));
const CertificateJobs = lazy(() => import('./pages/CertificateJobs'));
const CertificateJob = lazy(() => import('./pages/CertificateJobs').then((m) => ({ default: m.CertificateJob })));
const Certificate = lazy(() => import('./pages/Certificate'));
const Requests = lazy(() => import('./pages/Requests'));
const Request = lazy(() => import('./pages/Request'));
const RequestNew = lazy(() => import('./pages/RequestNew'));
const Tokens = lazy(() => import('./pages/Tokens'));
const TokenKeys = lazy(() => import('./pages/TokenKeys'));
const IdentityProviders = lazy(() => import('./pages/IdentityProviders'));
const IdentityProvider = lazy(() => import('./pages/IdentityProviders').then((m) => ({ default: m.IdentityProviderPage })));
const Audit = lazy(() => import('./pages/Audit'));
const Notices = lazy(() => import('./pages/Notices'));
const Log = lazy(() => import('./pages/Log'));
const Help = lazy(() => import('./pages/Help'));
const Keys = lazy(() => import('./pages/Keys'));
const Users = lazy(() => import('./pages/Users'));
const Account = lazy(() => import('./pages/Account'));
const Events = lazy(() => import('./pages/Events'));
const Inspect = lazy(() => import('./pages/Inspect'));
const Settings = lazy(() => import('./pages/Settings'));
const User = lazy(() => import('./pages/User'));
const Roles = lazy(() => import('./pages/Roles'));
const Organisations = lazy(() => import('./pages/Organisations'));
const Validation = lazy(() => import('./pages/Validation'));
const Foreign = lazy(() => import('./pages/Validation').then((m) => ({ default: m.ForeignPage })));
const Timestamping = lazy(() => import('./pages/Timestamping'));
const TimestampIssuer = lazy(() => import('./pages/Timestamping').then((m) => ({ default: m.TimestampIssuerPage })));
const Acme = lazy(() => import('./pages/protocols/Acme'));
const AcmeAccount = lazy(() => import('./pages/protocols/AcmeAccount'));
const AcmePolicy = lazy(() => import('./pages/protocols/AcmePolicy'));
const Protocol = lazy(() => import('./pages/protocols/Protocol'));
const Nothing = lazy(() => import('./pages/Nothing'));

/** An expired session shows the log-in page in place: the address stays, so one is back where one was. */
export function App() {
  const { session } = useSession();
  const { pathname } = useLocation();
  if (session === undefined) return <Waiting />;
  if (session === null) return pathname === '/register' ? <Suspense fallback={<Waiting />}><Register /></Suspense> : <Login />;
  if (session.mustChangePassword) return <Suspense fallback={<Waiting />}><FirstPassword /></Suspense>;
  if (session.mustEnrolFactor) return <Suspense fallback={<Waiting />}><FirstFactor /></Suspense>;
  return (
    <ScopeProvider>
      <Frame>
        <Suspense fallback={<Waiting />}>
          <Routes>
            <Route path="/" element={<Dashboard />} />
            <Route path="/cas" element={<Authorities />} />
            <Route path="/cas/new" element={<AuthorityNew />} />
            <Route path="/cas/import" element={<AuthorityImport />} />
            <Route path="/cas/:ca" element={<Authority />} />
            <Route path="/templates" element={<Templates />} />
            <Route path="/templates/:template" element={<Template />} />
            <Route path="/certificates" element={<Certificates />} />
            <Route path="/certificates/jobs" element={<CertificateJobs />} />
            <Route path="/certificates/jobs/:id" element={<CertificateJob />} />
            <Route path="/certificates/:id" element={<Certificate />} />
            <Route path="/requests" element={<Requests />} />
            <Route path="/requests/:id" element={<Request />} />
            <Route path="/request" element={<RequestNew />} />
            <Route path="/tokens" element={<Tokens />} />
            <Route path="/tokens/keys" element={<TokenKeys />} />
            <Route path="/identity-providers" element={<IdentityProviders />} />
            <Route path="/identity-providers/:id" element={<IdentityProvider />} />
            <Route path="/keys" element={<Keys />} />
            <Route path="/acme" element={<Acme />} />
            <Route path="/acme/:id" element={<AcmePolicy />} />
            <Route path="/acme/accounts/:id" element={<AcmeAccount />} />
            <Route path="/protocols/:protocol" element={<Protocol />} />
            <Route path="/validation" element={<Validation />} />
            <Route path="/validation/:validator" element={<Foreign />} />
            <Route path="/timestamping" element={<Timestamping />} />
            <Route path="/timestamping/:ca/:issuer" element={<TimestampIssuer />} />
            <Route path="/users" element={<Users />} />
            <Route path="/users/:id" element={<User />} />
            <Route path="/roles" element={<Roles />} />
            <Route path="/organisations" element={<Organisations />} />
            <Route path="/account" element={<Account />} />
            <Route path="/events" element={<Events />} />
            <Route path="/audit" element={<Audit />} />
            <Route path="/notices" element={<Notices />} />
            <Route path="/log" element={<Log />} />
            <Route path="/inspect" element={<Inspect />} />
            <Route path="/settings" element={<Settings />} />
            <Route path="/help/*" element={<Help />} />
            <Route path="/register" element={<Navigate to="/" replace />} />
            <Route path="*" element={<Nothing />} />
          </Routes>
        </Suspense>
      </Frame>
    </ScopeProvider>
  );
}
