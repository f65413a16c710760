# Reads and writes `name = value` configuration files. Sourced.
# shellcheck shell=bash

# conf_get FILE NAME: its value; nothing when it is not set.
conf_get() {
    [ -f "$1" ] || return 0
    awk -v name="$2" '
        /^[ \t]*#/ { next }
        {
            at = index($0, "=")
            if (at == 0) next
            key = substr($0, 1, at - 1); gsub(/^[ \t]+|[ \t]+$/, "", key)
            if (key != name) next
            value = substr($0, at + 1); gsub(/^[ \t]+|[ \t]+$/, "", value)
            print value; exit
        }' "$1"
}

# conf_set FILE NAME VALUE: replaces its first line and drops others of the name, or adds one. The
# rest of the file stays as its owner wrote it. In one step, readable by the owner alone.
conf_set() {
    local file=$1 staged=$1.new
    [ "$(conf_get "$file" "$2")" != "$3" ] || return 0
    (
        umask 077
        rm -f -- "$staged"
        [ -f "$file" ] || : >"$file"
        CONF_VALUE=$3 awk -v name="$2" '
            {
                at = index($0, "="); key = at ? substr($0, 1, at - 1) : ""
                gsub(/^[ \t]+|[ \t]+$/, "", key)
                if (key != name) { print; next }
                if (!done) print name " = " ENVIRON["CONF_VALUE"]
                done = 1
            }
            END { if (!done) print name " = " ENVIRON["CONF_VALUE"] }' "$file" >"$staged"
    )
    mv -f -- "$staged" "$file"
}
