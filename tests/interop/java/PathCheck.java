// What Java's PKIX validator says about a path, without revocation.
//
//   java PathCheck ROOT.pem LEAF.pem ISSUER.pem...      (from the leaf's issuer upwards, without the root)
//
// Prints "good", or "refused" and why.
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

public class PathCheck {
    static X509Certificate read(String name) throws Exception {
        try (var in = new FileInputStream(name)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    public static void main(String[] args) throws Exception {
        var chain = new ArrayList<Certificate>();
        for (int i = 1; i < args.length; i++)
            chain.add(read(args[i]));
        var path = CertificateFactory.getInstance("X.509").generateCertPath(chain);
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(read(args[0]), null)));
        parameters.setRevocationEnabled(false);
        try {
            CertPathValidator.getInstance("PKIX").validate(path, parameters);
            System.out.println("good");
        } catch (CertPathValidatorException e) {
            System.out.println("refused " + e.getMessage());
        }
    }
}
