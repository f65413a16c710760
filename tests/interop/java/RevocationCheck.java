// What Java's PKIX validator says about a certificate: PKIXRevocationChecker asks the OCSP responder that the
// certificate names, or reads the CRL that it names.
//
//   java RevocationCheck.java ocsp|crl|file ROOT.pem ISSUING.pem LEAF.pem [RESPONSE.der DAYS]
//
// Prints one word: good, revoked <reason>, undetermined, or expired. `file` judges a response that was kept, so many
// days later.
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.*;
import java.util.*;

public class RevocationCheck {
    static X509Certificate read(String name) throws Exception {
        try (var in = new FileInputStream(name)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("com.sun.security.enableCRLDP", "true");
        var leaf = read(args[3]);
        var chain = new ArrayList<Certificate>(List.of(leaf));
        if (!args[1].equals(args[2]))
            chain.add(read(args[2]));
        var path = CertificateFactory.getInstance("X.509").generateCertPath(chain);
        var validator = CertPathValidator.getInstance("PKIX");
        var checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        var options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK,
                                 PKIXRevocationChecker.Option.ONLY_END_ENTITY);
        if (args[0].equals("crl"))
            options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
        checker.setOptions(options);
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(read(args[1]), null)));
        if (args[0].equals("file")) {
            checker.setOcspResponses(Map.of(leaf, Files.readAllBytes(Path.of(args[4]))));
            parameters.setDate(new Date(System.currentTimeMillis() + Long.parseLong(args[5]) * 86400000L));
        }
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(path, parameters);
            System.out.println("good");
        } catch (CertPathValidatorException e) {
            if (e.getReason() == CertPathValidatorException.BasicReason.REVOKED) {
                var why = e.getCause() instanceof CertificateRevokedException r ? " " + r.getRevocationReason() : "";
                System.out.println("revoked" + why);
            } else if (e.getReason() == CertPathValidatorException.BasicReason.UNDETERMINED_REVOCATION_STATUS) {
                System.out.println("undetermined " + e.getMessage());
            } else {
                System.out.println("refused " + e.getReason() + " " + e.getMessage());
            }
        }
    }
}
