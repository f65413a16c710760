import java.io.FileReader;
import java.io.FileWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Collection;
import java.util.Collections;
import javax.net.ssl.KeyManagerFactory;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.CSRRequestResponse;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

/**
 * Bouncy Castle's EST client, driven from a shell. Prints one line, what came of it.
 *
 *   EstClient URL LABEL TLS-ROOT cacerts OUT
 *   EstClient URL LABEL TLS-ROOT csrattrs
 *   EstClient URL LABEL TLS-ROOT enroll   RSA|EC NAME USER PASSWORD       writes NAME.key, NAME.pem
 *   EstClient URL LABEL TLS-ROOT repeat   NAME USER PASSWORD              the CSR of NAME.csr once more
 *   EstClient URL LABEL TLS-ROOT reenroll RSA|EC NAME NEW SUBJECT         with NAME.pem and NAME.key
 */
public final class EstClient {
    private static JsseESTServiceBuilder service(String url, String label, String root) throws Exception {
        X509Certificate anchor;
        try (var in = Files.newInputStream(Path.of(root))) {
            anchor = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        var builder = new JsseESTServiceBuilder(URI.create(url).getAuthority(),
            JcaJceUtils.getCertPathTrustManager(Collections.singleton(new TrustAnchor(anchor, null)), null));
        builder.withHostNameAuthorizer(new JsseDefaultHostnameAuthorizer(Collections.emptySet()));
        builder.withTimeout(60000);
        if (!label.isEmpty())
            builder.withLabel(label);
        return builder;
    }

    private static void write(String file, Object... objects) throws Exception {
        try (var out = new JcaPEMWriter(new FileWriter(file))) {
            for (Object one : objects)
                out.writeObject(one);
        }
    }

    private static Object read(String file) throws Exception {
        try (var in = new PEMParser(new FileReader(file))) {
            return in.readObject();
        }
    }

    private static PKCS10CertificationRequest request(String type, String subject, String name) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(type);
        if (type.equals("RSA"))
            generator.initialize(2048);
        else
            generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        var csr = new JcaPKCS10CertificationRequestBuilder(new X500Name(subject), pair.getPublic())
            .build(new JcaContentSignerBuilder(type.equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA")
                .build(pair.getPrivate()));
        write(name + ".key", new PemObject("PRIVATE KEY", pair.getPrivate().getEncoded()));
        write(name + ".csr", csr);
        return csr;
    }

    private static String outcome(EnrollmentResponse response, String name) throws Exception {
        if (!response.isCompleted())
            return "wait " + Math.round((response.getNotBefore() - System.currentTimeMillis()) / 1000.0);
        Collection<X509CertificateHolder> all = response.getStore().getMatches(null);
        write(name + ".pem", all.toArray());
        return "certificates " + all.size();
    }

    private static String enroll(ESTService est, boolean again, PKCS10CertificationRequest csr, String name,
                                 ESTAuth auth) throws Exception {
        return outcome(est.simpleEnroll(again, csr, auth), name);
    }

    private static ESTAuth basic(String user, String password) throws Exception {
        return new JcaHttpAuthBuilder(null, user, password.toCharArray()).setProvider("BC").build();
    }

    private static String reenroll(JsseESTServiceBuilder builder, String[] args) throws Exception {
        var key = (PrivateKeyInfo) read(args[5] + ".key");
        PrivateKey secret = new JcaPEMKeyConverter().getPrivateKey(key);
        X509Certificate own = new JcaX509CertificateConverter()
            .getCertificate((X509CertificateHolder) read(args[5] + ".pem"));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("own", secret, "pass".toCharArray(), new X509Certificate[] {own});
        var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, "pass".toCharArray());
        builder.withKeyManagers(factory.getKeyManagers());
        return enroll(builder.build(), true, request(args[4], args[7], args[6]), args[6], null);
    }

    private static String attributes(ESTService est) throws Exception {
        CSRRequestResponse response = est.getCSRAttributes();
        var words = new StringBuilder("attributes");
        if (response.hasAttributesResponse())
            response.getAttributesResponse().getRequirements().stream().map(ASN1ObjectIdentifier::getId).sorted()
                .forEach(oid -> words.append(' ').append(oid));
        return words.toString();
    }

    private static String run(String[] args) throws Exception {
        var builder = service(args[0], args[1], args[2]);
        switch (args[3]) {
        case "cacerts":
            var all = builder.build().getCACerts().getCertificateStore().getMatches(null);
            write(args[4], all.toArray());
            return "certificates " + all.size();
        case "csrattrs":
            return attributes(builder.build());
        case "enroll":
            return enroll(builder.build(), false, request(args[4], "CN=" + args[5] + ".example.test", args[5]), args[5],
                          basic(args[6], args[7]));
        case "repeat":
            return enroll(builder.build(), false, (PKCS10CertificationRequest) read(args[4] + ".csr"), args[4],
                          basic(args[5], args[6]));
        default:
            return reenroll(builder, args);
        }
    }

    public static void main(String[] args) {
        Security.addProvider(new BouncyCastleProvider());
        try {
            System.out.println(run(args));
        } catch (Exception e) {
            System.out.println("failed: " + e);
            System.exit(1);
        }
    }
}
