#!/bin/bash
# gatehouse ctl: an administrator's day without a browser and without prompts.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

ctl() { "$bin/gatehouse" ctl "$@"; }

a_day() {
    local id
    ctl create-ca --name "Line CA" --key '{"type":"P-256"}' | jq -e '.id == "line-ca"' >/dev/null || die "create-ca"
    make_csr P-256 "$work/leaf" line.example.test
    id=$(ctl create-request line-ca-web-server --csr "@$work/leaf.csr" | jq -er .id) || die "create-request"
    ctl list-requests --state pending | jq -e --arg id "$id" '.items[0].id == $id' >/dev/null || die "list-requests"
    id=$(ctl sign-request "$id" | jq -er .certificate.id) || die "sign-request"
    ctl get-certificate "$id" --format pem >"$work/leaf.pem"
    "$openssl" x509 -in "$work/leaf.pem" -noout -checkhost line.example.test | grep -q 'does match' || die "get-certificate"
    ctl revoke-certificate "$id" --reason keyCompromise >/dev/null || die "revoke-certificate"
    ctl publish-crl line-ca >/dev/null || die "publish-crl"
    public /crl/line-ca.crl | "$openssl" crl -inform DER -noout -text | grep -q 'Key Compromise' || die "the CRL"
    shown "made a CA, issued, revoked and published from the command line"
    ctl list-templates line-ca --output table >"$work/table"
    head -1 "$work/table" | grep -q '^id  *' || die "no table: $(head -2 "$work/table")"
    ctl create-user --username operator --displayName "An Operator" --roles '[{"role":"officer","scope":"instance"}]' >"$work/user" 2>&1 ||
        ctl create-user --username operator --displayName "An Operator" >"$work/user" || die "$(cat "$work/user")"
    ctl list-users | jq -e '.items | map(.username) | index("operator")' >/dev/null || die "list-users"
    ctl export-template line-ca-web-server >"$work/template.json" || die "export-template"
    [ -s "$work/template.json" ] || die "an empty export"
    shown "templates, users, exports; tables for people, JSON for scripts"
}

refusals() {
    ! ctl get-ca none >"$work/out" 2>"$work/error" || die "what is not there was found"
    grep -q '404' "$work/error" || die "$(cat "$work/error")"
    ! ctl make-coffee >"$work/out" 2>"$work/error" || die "an unknown command"
    ! ctl revoke-certificate 2>"$work/error" || die "an argument is missing"
    grep -q 'needs id' "$work/error" || die "$(cat "$work/error")"
    ! ctl revoke-certificate x --colour red 2>"$work/error" || die "an unknown option"
    ! GATEHOUSE_TOKEN=gh_wrong ctl list-users >"$work/out" 2>"$work/error" || die "a wrong token"
    grep -q 401 "$work/error" || die "$(cat "$work/error")"
    printf '%s\n' "$GATEHOUSE_TOKEN" >"$work/token"
    chmod 600 "$work/token"
    GATEHOUSE_TOKEN='' ctl list-users --token-file "$work/token" >/dev/null || die "the token's file"
    shown "refusals end with status 1 and the reason; the token may come from a file"
}

every_operation() {
    local operations commands
    operations=$(public /api/v1/openapi.json 2>/dev/null | jq '[.paths[][] | objects | select(.operationId)] | length') ||
        operations=$(rest GET openapi.json | jq '[.paths[][] | objects | select(.operationId)] | length')
    commands=$(ctl help | wc -l)
    expect "commands" "$commands" "$operations"
    ctl completion | bash -n || die "the completion is no bash"
    ctl manual >"$work/ctl.1"
    man -l "$work/ctl.1" 2>/dev/null | grep -q revoke-certificate || die "no manual"
    shown "all $commands operations of the API are commands, with help, completion and manual"
}

# session USER PASSWORD [PATH BODY]: logs in, and asks PATH of that session; prints the status, the answer is in "out".
session() {
    local -a ask=(curl -sS --max-time 30 --cacert "$GATEHOUSE_TLS_CERT" -o "$work/out" -w '%{http_code}' -H 'Content-Type: application/json'
        -H 'X-Gatehouse-CSRF: 1')
    "${ask[@]}" -c "$work/cookies" -d "$(jq -n --arg u "$1" --arg p "$2" '{username: $u, password: $p}')" "$GATEHOUSE_URL/api/v1/session"
    [ $# -lt 3 ] || "${ask[@]}" -b "$work/cookies" -d "$4" "$GATEHOUSE_URL/api/v1/$3"
}

# A second factor that is lost, and a password that nobody knows: at the machine itself there is a way back in.
locked_out() {
    local user=keeper first second status
    first=$(ctl create-user --username $user --roles '[{"role":"administrator","scope":"instance"}]' | jq -er .oneTimePassword)
    expect "a new password" "$(session $user "$first" session/password \
        "$(jq -n --arg old "$first" '{old: $old, new: "correct horse battery staple"}')")" 200204
    expect "a second factor" "$(session $user "correct horse battery staple" session/factors/totp '{"label":"lost"}')" 200201
    sql "UPDATE user_factors SET confirmed = 1"
    status=$(session $user "correct horse battery staple")
    jq -e '.user == null' "$work/out" >/dev/null || die "no second factor is wanted ($status): $(cat "$work/out")"
    second=$("$bin/gatehouse" user reset $user --data "$instance/data" --db "$GATEHOUSE_DB" | sed -n 's/^password=//p')
    [ -n "$second" ] || die "no password was given"
    expect "the old password" "$(session $user "correct horse battery staple")" 401
    expect "the new one" "$(session $user "$second")" 200
    jq -e '.mustChangePassword == true' "$work/out" >/dev/null || die "it need not be changed: $(cat "$work/out")"
    ctl list-events --code user.reset | jq -e --arg u $user '.items[0].object == $u' >/dev/null || die "no event"
    ! "$bin/gatehouse" user reset nobody-here --data "$instance/data" --db "$GATEHOUSE_DB" 2>"$work/error" || die "nobody was reset"
    grep -q 'nobody-here' "$work/error" || die "whom it misses is not said: $(cat "$work/error")"
    shown "gatehouse user reset: a one-time password without the factor that was lost; the old password ends, an event stays"
}
sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --batch --skip-column-names gatehouse -e "$1"; }

begin
need man
start_instance
a_day
refusals
every_operation
locked_out
finish
