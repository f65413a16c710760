#!/bin/bash
# A PDF signed with a certificate of the gateway and timestamped by it: poppler's pdfsig verifies the signature, openssl ts
# the timestamp over it; a PDF that was changed afterwards fails.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

pdf() { python3 -B "$here/pdf_sign.py" "$@" || die "pdf_sign.py $*"; }

begin
need python3 pdfsig certutil
start_instance --clock-error 2000
ca=$(make_ca "PDF" '{"type":"RSA","bits":2048}')
public "/ca/$ca.pem" >ca.pem
make_csr RSA signer signer.example.test
submit_and_sign "$ca-web-server" signer
mkdir nss
certutil -N -d sql:nss --empty-password
certutil -A -d sql:nss -n ca -t 'CT,CT,CT' -i ca.pem

pdf prepare document.pdf document.bytes
"$openssl" cms -sign -binary -in document.bytes -signer signer.pem -inkey signer.key -certfile ca.pem -md sha256 -outform DER \
    -noattr -out plain.der 2>/dev/null
"$openssl" cms -sign -binary -in document.bytes -signer signer.pem -inkey signer.key -certfile ca.pem -md sha256 -outform DER \
    -nosmimecap -out cms.der || die "openssl cms"
pdf imprint cms.der signature
"$openssl" ts -query -data signature -sha256 -cert -out query 2>/dev/null
curl -sS --fail -H 'Content-Type: application/timestamp-query' --data-binary @query -o response \
    "$GATEHOUSE_HTTP_URL/tsa/$ca" || die "no timestamp"
pdf stamp cms.der response stamped.der
pdf fill document.pdf stamped.der

pdfsig -nssdir sql:nss document.pdf >pdfsig.out 2>&1 || die "pdfsig: $(cat pdfsig.out)"
grep -q 'Signature Validation: Signature is Valid' pdfsig.out || die "pdfsig: $(cat pdfsig.out)"
grep -q 'Total document signed' pdfsig.out || die "pdfsig: $(cat pdfsig.out)"
pdf token document.pdf token again
cmp -s signature again || die "the signature in the PDF is another one"
"$openssl" ts -verify -data again -in token -token_in -CAfile ca.pem 2>&1 | grep -q OK || die "the timestamp does not verify"
"$openssl" ts -reply -in token -token_in -text 2>/dev/null | grep -q 'Time stamp:' || die "no time"
shown "a timestamped PDF signature: pdfsig says valid, openssl ts verifies the timestamp over it"

sed 's|/MediaBox \[0 0 200 200\]|/MediaBox [0 0 200 201]|' document.pdf >changed.pdf
pdfsig -nssdir sql:nss changed.pdf >pdfsig.out 2>&1 || true
grep -q 'Signature Validation: Signature is Valid' pdfsig.out && die "a changed PDF is valid"
printf 'x' >>again
"$openssl" ts -verify -data again -in token -token_in -CAfile ca.pem 2>&1 | grep -q OK && die "the timestamp is about anything"
shown "a PDF that was changed, and a timestamp over another signature: refused"
finish
