import java.io.FileReader;
import java.io.FileWriter;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.cmp.CMPCertificate;
import org.bouncycastle.asn1.cmp.CertOrEncCert;
import org.bouncycastle.asn1.cmp.CertRepMessage;
import org.bouncycastle.asn1.cmp.CertResponse;
import org.bouncycastle.asn1.cmp.ErrorMsgContent;
import org.bouncycastle.asn1.cmp.GenMsgContent;
import org.bouncycastle.asn1.cmp.GenRepContent;
import org.bouncycastle.asn1.cmp.InfoTypeAndValue;
import org.bouncycastle.asn1.cmp.PBMParameter;
import org.bouncycastle.asn1.cmp.PKIBody;
import org.bouncycastle.asn1.cmp.PKIFreeText;
import org.bouncycastle.asn1.cmp.PKIStatusInfo;
import org.bouncycastle.asn1.cmp.PollRepContent;
import org.bouncycastle.asn1.cmp.PollReqContent;
import org.bouncycastle.asn1.cmp.RevDetails;
import org.bouncycastle.asn1.cmp.RevRepContent;
import org.bouncycastle.asn1.cmp.RevReqContent;
import org.bouncycastle.asn1.crmf.CertReqMessages;
import org.bouncycastle.asn1.crmf.CertTemplateBuilder;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.ExtensionsGenerator;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.cmp.CertificateConfirmationContentBuilder;
import org.bouncycastle.cert.cmp.GeneralPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessageBuilder;
import org.bouncycastle.cert.crmf.CertificateRequestMessageBuilder;
import org.bouncycastle.cert.crmf.PKMACBuilder;
import org.bouncycastle.cert.crmf.jcajce.JcePKMACValuesCalculator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * A CMP client made of Bouncy Castle's messages, driven from a shell. Prints one line, what came of it.
 *
 *   CmpClient URL mac REFERENCE SECRET COMMAND...      PasswordBasedMac with SHA-256
 *   CmpClient URL sig NAME SIGNER-OUT  COMMAND...      by NAME.pem and NAME.key; who signed the answer goes out
 *     ir|cr|kur RSA|EC SUBJECT OUT                     OUT.key, OUT.pem; confirms; polls when told to wait
 *     rr FILE.pem REASON
 *     genm                                             the number of CA certificates
 */
public final class CmpClient {
    private static final ASN1ObjectIdentifier CA_CERTS = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.4.17");
    private static final SecureRandom random = new SecureRandom();
    private final HttpClient http = HttpClient.newHttpClient();
    private final URI url;
    private final boolean mac;
    private final String name, secret;
    private final byte[] transaction = random.generateSeed(16);
    private byte[] peerNonce;

    private CmpClient(String[] args) {
        url = URI.create(args[0]);
        mac = args[1].equals("mac");
        name = args[2];
        secret = args[3];
    }

    private static Object read(String file) throws Exception {
        try (var in = new PEMParser(new FileReader(file))) {
            return in.readObject();
        }
    }

    private static void write(String file, Object object) throws Exception {
        try (var out = new JcaPEMWriter(new FileWriter(file))) {
            out.writeObject(object);
        }
    }

    private PKMACBuilder macs() throws Exception {
        var parameters = new PBMParameter(random.generateSeed(16),
            new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256), 500,
            new AlgorithmIdentifier(PKCSObjectIdentifiers.id_hmacWithSHA256, DERNull.INSTANCE));
        return new PKMACBuilder(new JcePKMACValuesCalculator().setProvider("BC")).setParameters(parameters);
    }

    private ProtectedPKIMessage seal(PKIBody body) throws Exception {
        X509CertificateHolder own = mac ? null : (X509CertificateHolder) read(name + ".pem");
        var sender = new GeneralName(mac ? new X500Name("CN=" + name) : own.getSubject());
        var builder = new ProtectedPKIMessageBuilder(sender, new GeneralName(new X500Name(new org.bouncycastle.asn1.x500.RDN[0])));
        builder.setBody(body).setTransactionID(transaction).setSenderNonce(random.generateSeed(16)).setMessageTime(new Date());
        if (peerNonce != null)
            builder.setRecipNonce(peerNonce);
        if (mac)
            return builder.setSenderKID(name.getBytes("UTF-8")).build(macs().build(secret.toCharArray()));
        PrivateKey key = new JcaPEMKeyConverter().getPrivateKey((PrivateKeyInfo) read(name + ".key"));
        String type = key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        return builder.addCMPCertificate(own).build(new JcaContentSignerBuilder(type).build(key));
    }

    /* Sends, and takes no answer but a protected one to this very message. */
    private PKIBody ask(int type, org.bouncycastle.asn1.ASN1Encodable content) throws Exception {
        ProtectedPKIMessage message = seal(new PKIBody(type, content));
        var request = HttpRequest.newBuilder(url).header("Content-Type", "application/pkixcmp")
            .POST(HttpRequest.BodyPublishers.ofByteArray(message.toASN1Structure().getEncoded())).build();
        var response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
        var general = new GeneralPKIMessage(response.body());
        if (general.getBody().getType() == PKIBody.TYPE_ERROR)
            throw new Exception(words(ErrorMsgContent.getInstance(general.getBody().getContent()).getPKIStatusInfo()));
        var answer = new ProtectedPKIMessage(general);
        if (!verified(answer))
            throw new Exception("the answer's protection does not verify");
        if (!Arrays.equals(answer.getHeader().getTransactionID().getOctets(), transaction) ||
            !Arrays.equals(answer.getHeader().getRecipNonce().getOctets(), message.getHeader().getSenderNonce().getOctets()))
            throw new Exception("the answer is to another message");
        peerNonce = answer.getHeader().getSenderNonce().getOctets();
        return answer.getBody();
    }

    private boolean verified(ProtectedPKIMessage answer) throws Exception {
        if (mac)
            return answer.hasPasswordBasedMacProtection() && answer.verify(macs(), secret.toCharArray());
        X509CertificateHolder signer = answer.getCertificates()[0];
        write(secret, signer); /* the script looks at who that is */
        return answer.verify(new JcaContentVerifierProviderBuilder().setProvider("BC").build(signer));
    }

    private static String words(PKIStatusInfo status) {
        PKIFreeText text = status.getStatusString();
        return "status " + status.getStatus() + (text == null ? "" : ": " + text.getStringAtUTF8(0));
    }

    private String enrol(int type, String algorithm, String subject, String out) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
        if (algorithm.equals("RSA"))
            generator.initialize(2048);
        else
            generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        var request = new CertificateRequestMessageBuilder(BigInteger.ZERO).setSubject(new X500Name(subject))
            .setPublicKey(SubjectPublicKeyInfo.getInstance(pair.getPublic().getEncoded()))
            .setProofOfPossessionSigningKeySigner(new JcaContentSignerBuilder(
                algorithm.equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA").build(pair.getPrivate()));
        PKIBody body = ask(type, new CertReqMessages(request.build().toASN1Structure()));
        CertResponse response = CertRepMessage.getInstance(body.getContent()).getResponse()[0];
        int polled = 0;
        while (response.getStatus().getStatus().intValue() == 3) {
            body = ask(PKIBody.TYPE_POLL_REQ, new PollReqContent(response.getCertReqId()));
            polled++;
            if (body.getType() == PKIBody.TYPE_POLL_REP)
                Thread.sleep(1000L * PollRepContent.getInstance(body.getContent()).getCheckAfter(0).getValue().intValue());
            else
                response = CertRepMessage.getInstance(body.getContent()).getResponse()[0];
        }
        if (response.getCertifiedKeyPair() == null)
            return words(response.getStatus());
        CertOrEncCert given = response.getCertifiedKeyPair().getCertOrEncCert();
        var certificate = new X509CertificateHolder(given.getCertificate().getX509v3PKCert());
        write(out + ".key", new PemObject("PRIVATE KEY", pair.getPrivate().getEncoded()));
        write(out + ".pem", certificate);
        body = ask(PKIBody.TYPE_CERT_CONFIRM, new CertificateConfirmationContentBuilder()
            .addAcceptedCertificate(certificate, BigInteger.ZERO)
            .build(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build()).toASN1Structure());
        return body.getType() == PKIBody.TYPE_CONFIRM ? "confirmed" + (polled > 0 ? " polled" : "")
                                                      : "not confirmed: " + body.getType();
    }

    private String revoke(String file, int reason) throws Exception {
        var certificate = (X509CertificateHolder) read(file);
        var extensions = new ExtensionsGenerator();
        extensions.addExtension(Extension.reasonCode, false, CRLReason.lookup(reason));
        var details = new RevDetails(new CertTemplateBuilder().setIssuer(certificate.getIssuer())
            .setSerialNumber(new org.bouncycastle.asn1.ASN1Integer(certificate.getSerialNumber())).build(), extensions.generate());
        PKIBody body = ask(PKIBody.TYPE_REVOCATION_REQ, new RevReqContent(details));
        return words(RevRepContent.getInstance(body.getContent()).getStatus()[0]);
    }

    private String information() throws Exception {
        PKIBody body = ask(PKIBody.TYPE_GEN_MSG, new GenMsgContent(new InfoTypeAndValue(CA_CERTS)));
        InfoTypeAndValue value = GenRepContent.getInstance(body.getContent()).toInfoTypeAndValueArray()[0];
        ASN1Sequence all = ASN1Sequence.getInstance(value.getInfoValue());
        for (int i = 0; i < all.size(); i++)
            CMPCertificate.getInstance(all.getObjectAt(i));
        return "certificates " + all.size();
    }

    private String run(List<String> command) throws Exception {
        switch (command.get(0)) {
        case "ir":
            return enrol(PKIBody.TYPE_INIT_REQ, command.get(1), command.get(2), command.get(3));
        case "cr":
            return enrol(PKIBody.TYPE_CERT_REQ, command.get(1), command.get(2), command.get(3));
        case "kur":
            return enrol(PKIBody.TYPE_KEY_UPDATE_REQ, command.get(1), command.get(2), command.get(3));
        case "rr":
            return revoke(command.get(1), Integer.parseInt(command.get(2)));
        default:
            return information();
        }
    }

    public static void main(String[] args) {
        Security.addProvider(new BouncyCastleProvider());
        try {
            System.out.println(new CmpClient(args).run(Arrays.asList(args).subList(4, args.length)));
        } catch (Exception e) {
            System.out.println("failed: " + e.getMessage());
            System.exit(1);
        }
    }
}
