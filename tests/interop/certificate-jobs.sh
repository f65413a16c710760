#!/bin/bash
# Acts on many certificates in the background, from the command line: a gateway that is killed in the middle goes on, each
# certificate is changed once, with one event and one result; what is refused is listed; a job that is cancelled leaves the
# rest as it was; an export holds each certificate once.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

rows=600 others=6000 # certificates to be revoked all; to be archived until that is cancelled

# shellcheck disable=SC2120 # it takes statements on its standard input, too
sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --skip-column-names --batch gatehouse "$@"; }
ctl() { "$bin/gatehouse" ctl "$@"; }

# A real certificate gives its DER to all of them.
fill() {
    sql <<SQL
SELECT id, organisation_id, key_id INTO @ca, @org, @key FROM cas WHERE slug = '$ca';
SELECT id INTO @template FROM templates WHERE slug = '$ca-web-server';
SELECT der INTO @der FROM certificates WHERE ca_id = @ca ORDER BY id DESC LIMIT 1;
SET @end = (UNIX_TIMESTAMP() + 86400 * 90) * 1000000;
CREATE TEMPORARY TABLE filled ENGINE=InnoDB AS SELECT seq,
    CONCAT('host-', seq, IF(seq <= $rows, '.jobs.example', '.other.example')) AS name,
    UNHEX(CONCAT(LPAD(HEX(1760000000000 + seq), 12, '0'), '70008000', LPAD(HEX(seq), 12, '0'))) AS id
    FROM seq_1_to_1000000 WHERE seq <= $((rows + others));
INSERT INTO certificates (id, ca_id, organisation_id, issuer_key_id, template_id, template_version, request_id, purpose,
    serial, subject, common_name, sans, key_type, requester, not_before_us, not_after_us, created_us,
    fingerprint_sha256, spki_sha256, der, door)
    SELECT id, @ca, @org, @key, @template, 1, NULL, 1, UNHEX(MD5(seq)), CONCAT('CN=', name), name, CONCAT('DNS:', name),
    'P-256', 'alice', 0, @end, 0, UNHEX(SHA2(seq, 256)), UNHEX(SHA2(CONCAT('k', seq), 256)), @der, 'rest' FROM filled;
INSERT INTO certificate_names SELECT id, 0, 1, name, REVERSE(name) FROM filled;
SQL
}

begin_job() { # ACTION... SUFFIX COUNT: prints its id
    ctl start-certificate-job "${@:1:$#-2}" --filter "nameSuffix=${*: -2:1}" --count "${*: -1}" | jq -er .id
}
job() { ctl get-certificate-job "$1" >job.json 2>job.err && jq -r "$2" job.json; }
begun() { [ "$(sql -e "SELECT position FROM bulk_jobs WHERE action = '$1'")" -ge 100 ]; }
over() { [[ $(job "$1" .state) =~ ^(done|failed|cancelled)$ ]]; }
archived() { sql -e 'SELECT COUNT(*) FROM certificate_notes WHERE archived_us > 0'; }

begin
need mariadb
start_instance
export GATEHOUSE_URL GATEHOUSE_TOKEN GATEHOUSE_TLS_CERT
ca=$(make_ca "Bulk" '{"type":"EC","curve":"P-256"}')
make_csr P-256 leaf leaf.example.test
submit_and_sign "$ca-web-server" leaf
fill || die "the database could not be filled"

expect "count" "$(ctl count-certificates --nameSuffix .jobs.example | jq .count)" "$rows"
id=$(begin_job --action revoke --reason superseded .jobs.example "$rows") || die "the job is not taken"
within 60 begun revoke || die "the job does not begin: $(cat job.json job.err)"
"$gateway_sh" kill-gateway "$instance"
changed=$(sql -e 'SELECT COUNT(*) FROM revocations')
{ [ "$changed" -ge 100 ] && [ "$changed" -lt "$rows" ]; } || die "$changed of $rows were revoked, so the kill shows nothing"
[ $((changed % 100)) -eq 0 ] || die "$changed revocations: part of a chunk was committed"
expect "results, as many as revocations" "$(sql -e 'SELECT COUNT(*) FROM bulk_items WHERE outcome = 1')" "$changed"
start_gateway
within 120 over "$id" || die "the job does not go on: $(cat job.json)"
expect "state, done and refused" "$(job "$id" '"\(.state) \(.done) \(.refused)"')" "done $rows 0"
expect "revocations" "$(sql -e 'SELECT COUNT(*) FROM revocations')" "$rows"
expect "events" "$(sql -e "SELECT COUNT(*), COUNT(DISTINCT object) FROM events WHERE code = 'certificate.revoked' AND request_id = '$id'" | tr '\t' ' ')" "$rows $rows"
shown "killed after $changed of $rows, the job went on by itself: each certificate was revoked once, with one event"

id=$(begin_job --action revoke .jobs.example "$rows") || die "the second job is not taken"
within 60 over "$id" || die "the second job does not end"
expect "refused" "$(job "$id" .refused)" "$rows"
ctl list-certificate-job-items "$id" --outcome refused --limit 500 >items.json
expect "results on a page" "$(jq '[.items[] | select(.problem.type == "/problems/already-revoked")] | length' items.json)" 500
shown "what was refused is listed, each with its problem"

id=$(begin_job --action archive .other.example "$others") || die "the third job is not taken"
within 60 begun archive || die "the third job does not begin"
ctl cancel-certificate-job "$id" >cancelled.json || die "it cannot be cancelled"
kept=$(jq .done cancelled.json)
{ [ "$kept" -ge 100 ] && [ "$kept" -lt "$others" ]; } || die "$kept of $others were done, so the cancel shows nothing"
sleep 2
expect "state and done" "$(job "$id" '"\(.state) \(.done)"')" "cancelled $kept"
expect "archived" "$(archived)" "$kept"
shown "a job that is cancelled stops: $kept of $others were archived, and the rest stays as it was"

id=$(begin_job --action export --format zip .jobs.example "$rows") || die "the export is not taken"
within 60 over "$id" || die "the export is not ready: $(cat job.json)"
curl -fsS --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" -o all.zip \
    "$GATEHOUSE_URL/api/v1/certificate-jobs/$id/file" || die "the file"
expect "files" "$(python3 -c 'import zipfile
z = zipfile.ZipFile("all.zip")
assert z.testzip() is None
print(len(z.namelist()), len(set(z.namelist())))')" "$rows $rows"
shown "an export holds each of $rows certificates once, every file of it whole"
finish
