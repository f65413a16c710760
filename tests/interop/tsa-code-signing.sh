#!/bin/bash
# Code signing with our timestamps: osslsigncode on a PE, an MSI and a CAB made here, by RFC 3161 and by the old
# Authenticode protocol; jarsigner -tsa, verified after the signer's certificate has expired.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

code_signer() { # FILE DAYS: FILE.key, FILE.pem, by a CA that is not ours
    "$openssl" req -x509 -newkey rsa:2048 -nodes -keyout code-ca.key -out code-ca.pem -subj "/CN=Code CA" -days 30 \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
    printf 'extendedKeyUsage=codeSigning\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n' >code.ext
    "$openssl" req -new -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=Publisher" 2>/dev/null
    "$openssl" x509 -req -in "$1.csr" -CA code-ca.pem -CAkey code-ca.key -out "$1.pem" -days "$2" -extfile code.ext 2>/dev/null
}

# The smallest thing with an MZ, a PE header and one section.
make_pe() {
    python3 - "$1" <<'EOF'
import struct, sys
dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)
optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 512, 0, 0, 4096, 4096)
optional += struct.pack("<QIIHHHHHHIIIIHHQQQQII", 0x140000000, 4096, 512, 6, 0, 0, 0, 6, 0, 0, 8192, 512, 0, 3, 0,
                        0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 1, 4096, 512, 512, 0, 0, 0, 0, 0x60000020)
head = dos + coff + optional + section
open(sys.argv[1], "wb").write(head.ljust(512, b"\0") + b"\xc3".ljust(512, b"\0"))
EOF
}

make_msi() {
    printf 'Property\tValue\ns72\tl0\nProperty\tProperty\nProductName\tGatehouse test\n' >Property.idt
    msibuild "$1" -i Property.idt 2>msi.err || die "msibuild: $(cat msi.err)"
}

verify_code() { # FILE PATTERN
    osslsigncode verify -in "$1" -CAfile code-ca.pem -TSA-CAfile "$ca.pem" >verify.out 2>&1 || die "$1: $(cat verify.out)"
    grep -q 'Timestamp.* verification: ok\|Timestamp verified' verify.out || die "$1: no timestamp: $(cat verify.out)"
    grep -q "$2" verify.out || die "$1: not '$2': $(cat verify.out)"
}

sign_file() { # FILE
    local protocol option
    for protocol in rfc3161 authenticode; do
        option=-ts
        [ "$protocol" = rfc3161 ] || option=-t
        osslsigncode sign -certs code.pem -key code.key -h sha256 "$option" "$GATEHOUSE_HTTP_URL/tsa/$ca" \
            -in "$1" -out "$protocol-$1" >sign.out 2>&1 || die "$protocol $1: $(cat sign.out)"
        if [ "$protocol" = rfc3161 ]; then
            verify_code "$protocol-$1" 'Timestamp Server Signature'
        else
            verify_code "$protocol-$1" 'Countersignature\|Timestamp'
        fi
    done
}

begin
need osslsigncode gcab msibuild python3 jarsigner keytool faketime
start_instance
code_signer code 10
make_pe app.exe
make_msi app.msi
printf hello >hello.txt
gcab -c app.cab hello.txt 2>/dev/null || die "gcab"
for key in '{"type":"RSA","bits":3072}' '{"type":"EC","curve":"P-256"}'; do
    ca=$(make_ca "Code $(jq -r .type <<<"$key")" "$key")
    public "/ca/$ca.pem" >"$ca.pem"
    for file in app.exe app.msi app.cab; do
        rm -f rfc3161-* authenticode-*
        sign_file "$file"
    done
    shown "osslsigncode signs and verifies a PE, an MSI and a CAB with both protocols, $(jq -r .type <<<"$key") issuer"
done

# --- jarsigner -----------------------------------------------------------------------------------------

mkdir jar && cp hello.txt jar/
(cd jar && jar cf ../app.jar hello.txt 2>/dev/null) || (cd jar && python3 -m zipfile -c ../app.jar hello.txt)
keytool -genkeypair -alias code -keyalg RSA -keysize 2048 -dname "CN=Publisher" -ext EKU=codeSigning -startdate -2d \
    -validity 3 -keystore keys.p12 -storetype PKCS12 -storepass changeit >/dev/null 2>&1 || die keytool
keytool -importcert -noprompt -alias tsa -file "$ca.pem" -keystore keys.p12 -storepass changeit >/dev/null 2>&1 || die "keytool import"
jarsigner -keystore keys.p12 -storepass changeit -tsa "$GATEHOUSE_HTTP_URL/tsa/$ca" app.jar code >jar.out 2>&1 || die "jarsigner: $(cat jar.out)"
cp app.jar plain.jar
jarsigner -keystore keys.p12 -storepass changeit plain.jar code >/dev/null 2>&1
jarsigner -verify -verbose -certs -keystore keys.p12 -storepass changeit app.jar >jar.out 2>&1 || die "jarsigner: $(cat jar.out)"
grep -qi 'jar verified' jar.out || die "jarsigner: $(cat jar.out)"
grep -qi 'timestamped by\|timestamp' jar.out || die "no timestamp in the JAR: $(cat jar.out)"
# The signer's certificate ends in a day: two days later the JAR still verifies for its timestamp's sake.
within_two_days=$(date -u -d '+2 days' '+%Y-%m-%d %H:%M:%S')
late() { # JAR
    faketime "$within_two_days" jarsigner -verify -verbose -certs "$1" >late.out 2>&1 ||
        die "$1 after expiry: $(cat late.out)"
    grep -qi 'jar verified' late.out || die "$1 after expiry: $(cat late.out)"
}
late plain.jar
grep -qiE "signer certificate has expired|certificate expired on" late.out || die "without a timestamp the expiry is not told: $(cat late.out)"
late app.jar
if grep -qi "signer certificate has expired" late.out; then die "the timestamp does not count: $(cat late.out)"; fi
shown "jarsigner -tsa signs; the JAR verifies, also after the signer's certificate has expired"
finish
