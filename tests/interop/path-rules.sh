#!/bin/bash
# Name constraints and path length of our CAs mean the same to OpenSSL, GnuTLS and Java: what is inside passes, what is
# outside is refused by all three, although it is signed by the CA's own key; and the gateway signs nothing outside.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

by_openssl() { # LEAF ISSUER...
    local leaf=$1
    shift
    cat "$@" >untrusted.pem
    "$openssl" verify -CAfile root.pem -untrusted untrusted.pem "$leaf" >openssl.out 2>&1 && echo good || echo refused
}

by_gnutls() { # the system's OpenSSL settings are not GnuTLS's
    cat "$@" >chain.pem
    certtool --verify --load-ca-certificate root.pem --infile chain.pem >gnutls.out 2>&1 && echo good || echo refused
}

by_java() { env -u OPENSSL_CONF java -cp java PathCheck root.pem "$@" 2>&1 | tee java.out | sed 's/ .*//'; }

agree() { # good|refused LEAF ISSUER...
    local wanted=$1 said program
    shift
    for program in ${programs:-openssl gnutls java}; do
        said=$("by_$program" "$@")
        [ "$said" = "$wanted" ] || die "$1 by $program: $said, not $wanted: $(cat $program.out)"
    done
}

# by_key NAME SANS [EXTENSION...]: signed with the CA's key outside of the gateway, as whoever steals it would.
by_key() {
    local name=$1
    printf 'subjectAltName=%s\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' "$2" >"$name.ext"
    "$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.csr" \
        -subj "/O=${organisation:-Example}/CN=$name" 2>/dev/null
    "$openssl" x509 -req -in "$name.csr" -CA "${issuer:-ca}.pem" -CAkey "${issuer:-ca}.key" -days 30 \
        -extfile "$name.ext" -out "$name.pem" 2>sign.out || die "$(cat sign.out)"
}

begin
need certtool java javac
start_instance
mkdir java
javac -d java "$here/java/PathCheck.java" 2>javac.out || die "$(cat javac.out)"
make_ca "Path Root" '{"type":"EC","curve":"P-384"}' >root.slug
rest GET "cas/$(cat root.slug)/certificate" >root.pem

# The CA's key is known here, so that it can sign what the gateway refuses to.
"$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key 2>/dev/null
jq -n --rawfile key ca.key --arg issuer "$(cat root.slug)" '{name: "Bounded", privateKey: $key, issuer: $issuer,
    subject: {CN: "Bounded", O: "Example"}, pathLength: 0, nameConstraints: {
        permitted: ["DNS:example.com", "IP:10.0.0.0/8", "email:example.com", "dirName:O=Example"],
        excluded: ["DNS:secret.example.com"]}}' >bounded.json
rest POST cas/import @bounded.json | jq -er .id >ca.slug || die "no CA with name constraints"
rest GET "cas/$(cat ca.slug)/certificate?format=pem" >ca.pem
"$openssl" x509 -in ca.pem -noout -ext nameConstraints,basicConstraints >ext.out
grep -q 'critical' ext.out || die "not critical: $(cat ext.out)"
grep -q 'pathlen:0' ext.out || die "no path length: $(cat ext.out)"

template=$(cat ca.slug)-web-server
"$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout inside.key -out inside.csr \
    -subj "/O=Example/CN=www.example.com" -addext "subjectAltName=DNS:www.example.com,IP:10.1.2.3" 2>/dev/null
submit_and_sign "$template" inside
agree good inside.pem ca.pem
shown "issued by the gateway inside of the name constraints: OpenSSL, GnuTLS and Java take it"

number=0
refuse() { # SANS
    number=$((number + 1))
    by_key "outside$number" "$1"
    agree refused "outside$number.pem" ca.pem
    jq -n --rawfile csr "outside$number.csr" --arg san "$1" '{csr: $csr, sans: ($san | split(",")), issue: true}' >outside.json
    expect "the gateway, asked for $1" "$(rest_status POST "templates/$template/requests" @outside.json)" 422
}
by_key same DNS:shop.example.com
agree good same.pem ca.pem
refuse DNS:www.example.net
refuse DNS:secret.example.com
refuse DNS:deep.secret.example.com
refuse DNS:www.example.com,IP:192.0.2.1
shown "outside (DNS, excluded DNS, IP) with the CA's own key: refused by all three; the gateway refuses to sign"
by_key mail DNS:www.example.com,email:someone@example.com
agree good mail.pem ca.pem
by_key strange DNS:www.example.com,email:someone@example.net
agree refused strange.pem ca.pem
shown "e-mail addresses: inside taken, outside refused by all three"
organisation=Other by_key other DNS:www.example.com
programs="openssl java" agree refused other.pem ca.pem # GnuTLS checks no directory names
jq -n --rawfile csr other.csr '{csr: $csr, issue: true}' >other.json
expect "the gateway, asked for a subject outside" "$(rest_status POST "templates/$template/requests" @other.json)" 422
shown "a subject outside of the permitted names is refused by OpenSSL, Java and the gateway"

# A CA below a path length of 0, made with its key.
"$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout below.key -out below.csr \
    -subj "/O=Example/CN=Below" 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >below.ext
"$openssl" x509 -req -in below.csr -CA ca.pem -CAkey ca.key -days 30 -extfile below.ext -out below.pem 2>/dev/null
issuer=below by_key deep DNS:www.example.com
agree refused deep.pem below.pem ca.pem
jq -n --arg issuer "$(cat ca.slug)" '{name: "Below", key: {type: "EC", curve: "P-256"}, issuer: $issuer,
    subject: {CN: "Below", O: "Example"}}' >below.json
expect "the gateway, asked for a CA below it" "$(rest_status POST cas @below.json)" 422
shown "a CA below path length 0: its certificates are refused by all three; the gateway makes none"

# A path length of 1 lets one CA stand below, and no second one.
one=$(rest POST cas "{\"name\":\"One\",\"key\":\"P-256\",\"issuer\":\"$(cat root.slug)\",\"pathLength\":1}" | jq -er .id) || die "no CA with path length 1"
"$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out two.key 2>/dev/null
jq -n --rawfile key two.key --arg issuer "$one" '{name: "Two", privateKey: $key, issuer: $issuer, pathLength: 0}' >two.json
two=$(rest POST cas/import @two.json | jq -er .id) || die "no CA below path length 1"
rest GET "cas/$one/certificate?format=pem" >one.pem
rest GET "cas/$two/certificate?format=pem" >two.pem
"$openssl" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr \
    -subj /CN=leaf.example.com -addext subjectAltName=DNS:leaf.example.com 2>/dev/null
submit_and_sign "$two-web-server" leaf
agree good leaf.pem two.pem one.pem
"$openssl" x509 -req -in below.csr -CA two.pem -CAkey two.key -days 30 -extfile below.ext -out below.pem 2>/dev/null
issuer=below by_key third DNS:www.example.com
agree refused third.pem below.pem two.pem one.pem
shown "path length 1: one CA below it is taken by all three, a second one is refused"
finish
