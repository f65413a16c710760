# What the EST scripts share. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's

# est_template CA NAME APPROVAL [JQ-OBJECT]: a template for devices; prints its slug.
est_template() {
    local more=${4:-"{}"}
    rest GET starters | jq --arg name "$2" --arg approval "$3" \
        "{name: \$name, document: ((.items[] | select(.id == \"tls-client\").document)
          + {doors: [\"est\"], approval: \$approval} + $more)}" >"$work/template.json"
    rest POST "cas/$1/templates" "@$work/template.json" | jq -er .id || die "template $2 was not made"
}

# est_settings TEMPLATE JQ-FILTER: changes the template's EST settings.
est_settings() {
    rest GET "templates/$1/est" | jq "{settings: (.settings | $2)} + if .version > 0 then {version} else {} end" >"$work/settings.json"
    rest PUT "templates/$1/est" "@$work/settings.json" >"$work/settings.out" || die "settings of $1: $2"
}

challenge() { rest POST "templates/$1/credentials" "${2:-{\}}" | jq -er .secret || die "no challenge for $1"; }

approve() { # CA
    local id
    id=$(rest GET "cas/$1/requests?state=pending" | jq -er '.items[0].id') || die "nothing is pending at $1"
    rest POST "requests/$id/sign" '{}' >"$work/approved.json" || die "not approved"
}

subject_of() { "$openssl" x509 -in "$1" -noout -subject -nameopt RFC2253 | sed 's/^subject=//'; }
serial_of() { "$openssl" x509 -in "$1" -noout -serial | sed 's/^serial=//'; }

# est TEMPLATE OPERATION FILE OPTIONS...: the status; the body goes to FILE, headers to FILE.head. $est_url says
# which listener; the template may be "" for the default one.
est() {
    local path=/.well-known/est${1:+/$1}/$2 file=$3
    shift 3
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -D "$file.head" -o "$file" -w '%{http_code}' "$@" "$est_url$path"
}

# est_post TEMPLATE OPERATION CSR FILE OPTIONS...: a CSR in base64.
est_post() {
    local t=$1 operation=$2 csr=$3 file=$4
    shift 4
    est "$t" "$operation" "$file" -H 'Content-Type: application/pkcs10' --data-binary "@$csr" "$@"
}

# unpack FILE OUT.pem: base64 of certs-only PKCS #7.
unpack() {
    grep -qi '^content-type: application/pkcs7-mime; *smime-type=certs-only' "$1.head" || die "$1: $(cat "$1.head")"
    base64 -d "$1" | "$openssl" pkcs7 -inform DER -print_certs -out "$2" || die "$1 is no PKCS #7 in base64"
}

# est_csr TYPE FILE NAME: FILE.key, FILE.csr and FILE.b64
est_csr() {
    make_csr "$1" "$2" "$3"
    "$openssl" req -in "$2.csr" -outform DER | base64 >"$2.b64"
}
