import java.io.FileReader;
import java.io.FileWriter;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Security;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.Hashtable;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1String;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERPrintableString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.IssuerAndSerialNumber;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509CRLHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.DefaultSignedAttributeTableGenerator;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.bouncycastle.util.io.pem.PemObject;

/**
 * A SCEP client (RFC 8894) made of Bouncy Castle's CMS, driven from a shell. Files lie in the present directory.
 * Prints one line, what came of it: "issued", "pending", "failure N", "certificates N", "crls N" or the capabilities.
 *
 *   ScepClient URL caps
 *   ScepClient URL cacerts              ra.pem, ca.pem
 *   ScepClient URL enrol NAME CHALLENGE NAME.key, NAME.self, NAME.pem
 *   ScepClient URL poll NAME
 *   ScepClient URL renew NAME NEW       with NAME's certificate, for a new key
 *   ScepClient URL crl NAME             NAME.crl
 *   ScepClient URL cert NAME
 *   ScepClient URL next                 signed by the present RA
 */
public final class ScepClient {
    private static final String VERISIGN = "2.16.840.1.113733.1.9.";
    private static final int CERT_REP = 3, RENEWAL = 17, PKCS_REQ = 19, POLL = 20, GET_CERT = 21, GET_CRL = 22;
    private static final SecureRandom random = new SecureRandom();
    private final HttpClient http = HttpClient.newHttpClient();
    private final String url;

    private ScepClient(String url) {
        this.url = url;
    }

    private byte[] get(String operation) throws Exception {
        var response = http.send(HttpRequest.newBuilder(URI.create(url + "?operation=" + operation)).build(),
            HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200)
            throw new Exception("HTTP " + response.statusCode());
        return response.body();
    }

    private byte[] post(byte[] message) throws Exception {
        var response = http.send(HttpRequest.newBuilder(URI.create(url + "?operation=PKIOperation"))
            .header("Content-Type", "application/x-pki-message").POST(HttpRequest.BodyPublishers.ofByteArray(message)).build(),
            HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200)
            throw new Exception("HTTP " + response.statusCode());
        return response.body();
    }

    private static Object read(String file) throws Exception {
        try (var in = new PEMParser(new FileReader(file))) {
            return in.readObject();
        }
    }

    private static X509CertificateHolder certificate(String file) throws Exception {
        return (X509CertificateHolder) read(file);
    }

    private static PrivateKey key(String file) throws Exception {
        return new JcaPEMKeyConverter().getPrivateKey((PrivateKeyInfo) read(file));
    }

    private static void write(String file, Object object) throws Exception {
        try (var out = new JcaPEMWriter(new FileWriter(file))) {
            out.writeObject(object);
        }
    }

    private String authorities() throws Exception {
        Collection<X509CertificateHolder> all = new CMSSignedData(get("GetCACert")).getCertificates().getMatches(null);
        X509CertificateHolder ra = null;
        for (X509CertificateHolder one : all) {
            KeyUsage usage = KeyUsage.fromExtensions(one.getExtensions());
            if (usage != null && usage.hasUsages(KeyUsage.keyEncipherment))
                ra = one;
        }
        for (X509CertificateHolder one : all)
            if (one != ra && one.getSubject().equals(ra.getIssuer()))
                write("ca.pem", one);
        write("ra.pem", ra);
        return "certificates " + all.size();
    }

    private static void put(Hashtable<ASN1ObjectIdentifier, Attribute> table, int number, ASN1Encodable value) {
        var oid = new ASN1ObjectIdentifier(VERISIGN + number);
        table.put(oid, new Attribute(oid, new DERSet(value)));
    }

    private byte[] message(int type, String transaction, byte[] nonce, byte[] content, PrivateKey key,
                           X509CertificateHolder own) throws Exception {
        var envelope = new CMSEnvelopedDataGenerator();
        envelope.addRecipientInfoGenerator(new JceKeyTransRecipientInfoGenerator(
            new JcaX509CertificateConverter().getCertificate(certificate("ra.pem"))).setProvider("BC"));
        byte[] sealed = envelope.generate(new CMSProcessableByteArray(content),
            new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES256_CBC).setProvider("BC").build()).getEncoded();
        var attributes = new Hashtable<ASN1ObjectIdentifier, Attribute>();
        put(attributes, 2, new DERPrintableString(Integer.toString(type)));
        put(attributes, 5, new DEROctetString(nonce));
        put(attributes, 7, new DERPrintableString(transaction));
        var signed = new CMSSignedDataGenerator();
        signed.addSignerInfoGenerator(new JcaSimpleSignerInfoGeneratorBuilder().setProvider("BC")
            .setSignedAttributeGenerator(new DefaultSignedAttributeTableGenerator(new AttributeTable(attributes)))
            .build("SHA256withRSA", key, own));
        signed.addCertificate(own);
        return signed.generate(new CMSProcessableByteArray(sealed), true).getEncoded();
    }

    private static ASN1Encodable attribute(SignerInformation signer, int number) {
        Attribute found = signer.getSignedAttributes().get(new ASN1ObjectIdentifier(VERISIGN + number));
        return found == null ? null : found.getAttrValues().getObjectAt(0);
    }

    /* Sends, checks that the answer is the RA's and to this message, and opens it. */
    private String ask(int type, String name, String signedBy, byte[] content, String out) throws Exception {
        byte[] nonce = random.generateSeed(16);
        String transaction = Files.readString(Path.of(out + ".tid"));
        PrivateKey key = key(name + ".key");
        var reply = new CMSSignedData(post(message(type, transaction, nonce, content, key, certificate(signedBy))));
        SignerInformation signer = reply.getSignerInfos().getSigners().iterator().next();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate("ra.pem"))))
            throw new Exception("the answer's signature does not verify");
        if (!((ASN1String) attribute(signer, 2)).getString().equals(Integer.toString(CERT_REP)) ||
            !((ASN1String) attribute(signer, 7)).getString().equals(transaction) ||
            !Arrays.equals(ASN1OctetString.getInstance(attribute(signer, 6)).getOctets(), nonce))
            throw new Exception("the answer is to another message");
        switch (((ASN1String) attribute(signer, 3)).getString()) {
        case "2":
            return "failure " + ((ASN1String) attribute(signer, 4)).getString();
        case "3":
            return "pending";
        default:
            return open(new CMSEnvelopedData((byte[]) reply.getSignedContent().getContent()), key, type, out);
        }
    }

    private static String open(CMSEnvelopedData envelope, PrivateKey key, int type, String out) throws Exception {
        byte[] content = envelope.getRecipientInfos().getRecipients().iterator().next()
            .getContent(new JceKeyTransEnvelopedRecipient(key).setProvider("BC"));
        var bag = new CMSSignedData(content);
        if (type == GET_CRL) {
            Collection<X509CRLHolder> lists = bag.getCRLs().getMatches(null);
            write(out + ".crl", lists.iterator().next());
            return "crls " + lists.size();
        }
        Collection<X509CertificateHolder> all = bag.getCertificates().getMatches(null);
        write(out + (type == GET_CERT ? ".got" : ".pem"), all.iterator().next());
        return type == GET_CERT ? "certificates " + all.size() : "issued";
    }

    private byte[] request(String subject, String name, String challenge) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        var signer = new JcaContentSignerBuilder("SHA256withRSA").build(pair.getPrivate());
        var builder = new JcaPKCS10CertificationRequestBuilder(new X500Name(subject), pair.getPublic());
        if (!challenge.isEmpty())
            builder.addAttribute(PKCSObjectIdentifiers.pkcs_9_at_challengePassword, new DERPrintableString(challenge));
        long now = System.currentTimeMillis();
        write(name + ".self", new JcaX509v3CertificateBuilder(new X500Name(subject), BigInteger.valueOf(now),
            new Date(now - 60000), new Date(now + 86400000), new X500Name(subject), pair.getPublic()).build(signer));
        write(name + ".key", new PemObject("PRIVATE KEY", pair.getPrivate().getEncoded()));
        Files.writeString(Path.of(name + ".tid"), "bc-" + name + "-" + now);
        return builder.build(signer).getEncoded();
    }

    private String enrol(String name, String challenge) throws Exception {
        return ask(PKCS_REQ, name, name + ".self", request("CN=" + name, name, challenge), name);
    }

    /* The request is signed with the old key and certificate, and so the answer is for them. */
    private String renew(String name, String next) throws Exception {
        byte[] csr = request(certificate(name + ".pem").getSubject().toString(), next, "");
        return ask(RENEWAL, name, name + ".pem", csr, next);
    }

    private String poll(String name) throws Exception {
        var names = new DERSequence(new ASN1Encodable[] {certificate("ra.pem").getIssuer(), new X500Name("CN=" + name)});
        return ask(POLL, name, name + ".self", names.getEncoded(), name);
    }

    private String bySerial(int type, String name) throws Exception {
        X509CertificateHolder own = certificate(name + ".pem");
        return ask(type, name, name + ".self", new IssuerAndSerialNumber(own.getIssuer(), own.getSerialNumber()).getEncoded(), name);
    }

    private String next() throws Exception {
        var signed = new CMSSignedData(get("GetNextCACert"));
        SignerInformation signer = signed.getSignerInfos().getSigners().iterator().next();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate("ra.pem"))))
            throw new Exception("not signed by the present RA");
        var bag = new CMSSignedData((byte[]) signed.getSignedContent().getContent());
        return "certificates " + bag.getCertificates().getMatches(null).size();
    }

    private String run(String[] args) throws Exception {
        switch (args[1]) {
        case "caps":
            return new String(get("GetCACaps")).trim().replaceAll("\\s+", " ");
        case "cacerts":
            return authorities();
        case "enrol":
            return enrol(args[2], args[3]);
        case "poll":
            return poll(args[2]);
        case "renew":
            return renew(args[2], args[3]);
        case "crl":
            return bySerial(GET_CRL, args[2]);
        case "cert":
            return bySerial(GET_CERT, args[2]);
        default:
            return next();
        }
    }

    public static void main(String[] args) {
        Security.addProvider(new BouncyCastleProvider());
        try {
            System.out.println(new ScepClient(args[0]).run(args));
        } catch (Exception e) {
            System.out.println("failed: " + e);
            System.exit(1);
        }
    }
}
