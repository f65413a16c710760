# What the SCEP scripts share. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's

# scep_template CA NAME APPROVAL: a template for devices; prints its slug.
scep_template() {
    rest GET starters | jq --arg name "$2" --arg approval "$3" \
        '{name: $name, document: ((.items[] | select(.id == "tls-client").document)
          + {doors: ["scep"], approval: $approval})}' >"$work/template.json"
    rest POST "cas/$1/templates" "@$work/template.json" | jq -er .id || die "template $2 was not made"
}

# scep_settings TEMPLATE JQ-FILTER: changes the template's SCEP settings.
scep_settings() {
    rest GET "templates/$1/scep" | jq "{settings: (.settings | $2)}" >"$work/settings.json"
    rest PUT "templates/$1/scep" "@$work/settings.json" >"$work/settings.out" || die "settings of $1: $2"
}

challenge() { rest POST "templates/$1/credentials" "${2:-{\}}" | jq -er .secret || die "no challenge for $1"; }

# The newest pending request of a CA is approved.
approve() {
    local id
    id=$(rest GET "cas/$1/requests?state=pending" | jq -er '.items[0].id') || die "nothing is pending at $1"
    rest POST "requests/$id/sign" '{}' >"$work/approved.json" || die "not approved"
}

subject_of() { "$openssl" x509 -in "$1" -noout -subject -nameopt RFC2253 | sed 's/^subject=//'; }
serial_of() { "$openssl" x509 -in "$1" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f'; }

# --- strongSwan ------------------------------------------------------------------------------------

strongswan_pki() { pki "$@" 2>"$work/pki.err"; }

# pki_ca TEMPLATE DIR: the CA's and the RA's certificate by GetCACert
pki_ca() {
    mkdir -p "$2"
    strongswan_pki --scepca --url "$GATEHOUSE_HTTP_URL/scep/$1" --caout "$2/ca.crt" --raout "$2/ra.crt" \
        --outform pem --force || die "pki --scepca: $(cat "$work/pki.err")"
}

# pki_enrol TEMPLATE DIR NAME CHALLENGE OPTIONS...: NAME.key and NAME.pem
pki_enrol() {
    local template=$1 dir=$2 name=$3 challenge=$4
    shift 4
    [ -s "$dir/$name.key" ] || pki --gen --type rsa --size 2048 --outform pem >"$dir/$name.key" 2>/dev/null
    strongswan_pki --scep --url "$GATEHOUSE_HTTP_URL/scep/$template" --in "$dir/$name.key" --dn "CN=$name" \
        --san "$name.example.test" --password "$challenge" --cacert-enc "$dir/ra.crt" --cacert-sig "$dir/ra.crt" \
        --cacert "$dir/ca.crt" --outform pem "$@" >"$dir/$name.pem"
}
