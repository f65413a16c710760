#!/bin/bash
# Every starter's certificate, issued by an EC, an RSA and an ML-DSA authority, is read by OpenSSL, GnuTLS and Java.
# What a program has no algorithm for (ML-DSA in older ones) it may refuse to name, but not to parse.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${GATEHOUSE_BIN:?the folder of the programs}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
PROFILES_OUT=$out "$bin/test_template_profiles" >"$out/log" || { cat "$out/log"; exit 1; }
count=$(find "$out" -name '*.pem' | wc -l)
[ "$count" -gt 300 ] || { echo "only $count certificates"; exit 1; }
openssl=openssl
[ -x "$HOME/.cache/gatehouse/deps/bin/openssl" ] && openssl=$HOME/.cache/gatehouse/deps/bin/openssl
for file in "$out"/*.pem; do
    name=$(basename "$file" .pem)
    LD_LIBRARY_PATH="$HOME/.cache/gatehouse/deps/lib" "$openssl" x509 -in "$file" -noout -text >/dev/null || {
        echo "OpenSSL does not read $name"; exit 1; }
    certtool --certificate-info --infile "$file" >"$out/certtool" 2>&1 || {
        echo "GnuTLS does not read $name"; cat "$out/certtool"; exit 1; }
done
echo "OpenSSL and GnuTLS read $count certificates"
if command -v keytool >/dev/null; then
    # One start of Java for all of them.
    cat "$out"/*.pem >"$out/all"
    read_by_java=$(keytool -printcert -file "$out/all" 2>/dev/null | grep -c '^Serial number') || true
    [ "$read_by_java" = "$count" ] || { echo "Java read $read_by_java of $count"; exit 1; }
    echo "Java reads them, too"
fi
