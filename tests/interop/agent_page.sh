# The local page of an agent, as a browser without scripts uses it. Sourced after lib.sh, never run.
# shellcheck shell=bash

page_password=page-password-1
page_port='' # set by the script that starts the agent

# page PASSWORD PATH OPTIONS...: status of the local page; its text is in page.html.
page() {
    local password=$1 path=$2
    shift 2
    curl -sS --max-time 20 --connect-to "Agent:443:127.0.0.1:$page_port" -u "me:$password" \
        -o page.html -w '%{http_code}' "$@" "https://Agent$path"
}

# What the links of the last answer lead to: the URIs of tokens or keys.
links() { grep -o "href=\"/$1?uri=[^\"]*" page.html | sed 's/.*uri=//; s/%/\\x/g' | while read -r link; do printf '%b\n' "$link"; done; }

own=(-k -H 'Origin: https://Agent')
# form PATH STATUS FIELD=VALUE...: sends it and shows what came instead of the status.
form() {
    local path=$1 status=$2 field
    local -a data=()
    shift 2
    for field in "$@"; do data+=(--data-urlencode "$field"); done
    expect "$path $*" "$(page "$page_password" "$path" "${own[@]}" "${data[@]}")$(grep -o '<p class="news bad"[^<]*' page.html)" "$status"
}

# refused PATH STATUS TEXT FIELD=VALUE...: the page says why not.
refused() {
    local path=$1 status=$2 text=$3 field
    local -a data=()
    shift 3
    for field in "$@"; do data+=(--data-urlencode "$field"); done
    expect "$path $*" "$(page "$page_password" "$path" "${own[@]}" "${data[@]}")" "$status"
    grep -qF "$text" page.html || die "$path: the page does not say \"$text\": $(grep -o '<p class="news[^<]*' page.html)"
}

# The last answer has a PEM of that kind: FILE.
taken() {
    sed -n "s/.*\(-----BEGIN $1-----\)$/\1/; /^-----BEGIN $1-----$/,/^-----END/{s/<.*//; p; /^-----END/q}" page.html >"$2"
    [ -s "$2" ] || die "the page shows no $1"
}
