#!/bin/bash
# softtoken_table.sh PROGRAM SOFTTOKEN SOFTHSM2 DOCUMENT [--write]: are the tables between the marks of the
# document those that the modules give?
set -euo pipefail
program=$1 softtoken=$2 softhsm=$3 document=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/softtoken-table.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/softhsm" "$work/softtoken"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$work/softhsm" >"$work/softhsm2.conf"
export SOFTHSM2_CONF=$work/softhsm2.conf GATEHOUSE_SOFTTOKEN_DIR=$work/softtoken
"$program" "$softtoken" "$softhsm" >"$work/tables"
awk -v tables="$work/tables" '
    /^<!-- tables: end/ { inside = 0 }
    !inside { print }
    /^<!-- tables: begin/ { inside = 1; while ((getline line < tables) > 0) print line }' "$document" >"$work/document"
if [ "${5:-}" = --write ]; then
    cp "$work/document" "$document"
elif ! diff -u "$document" "$work/document"; then
    echo "$document is not what the modules say: $0 $1 $2 $3 $4 --write" >&2
    exit 1
fi
