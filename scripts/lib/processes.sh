# Waiting for and ending processes. Sourced.
# shellcheck shell=bash

# A process that ended and was not waited for (Z) is gone, too.
is_gone() {
    local state
    state=$(sed 's/^.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
    [ -z "$state" ] || [ "$state" = Z ]
}

# wait_gone PID SECONDS
wait_gone() {
    local tries=$(($2 * 10))
    until is_gone "$1"; do
        [ $((tries--)) -gt 0 ] || return 1
        sleep 0.1
    done
}

# end_process PID SECONDS WHAT: asks it to end, and ends it when it does not in that time.
end_process() {
    kill -TERM "$1" 2>/dev/null || return 0
    wait_gone "$1" "$2" && return 0
    say "$3 (pid $1) does not end after $2 s; killing it"
    kill -KILL "$1" 2>/dev/null || true
    wait_gone "$1" 10 || true
}

# port_taken PORT ADDRESS: whether something listens there, or on every address. ADDRESS as given to
# --listen: an IPv4 address, or anything else (a name, IPv6), for which every listener counts.
port_taken() {
    local hex wanted='*'
    hex=$(printf '%04X' "$1")
    case $2 in
    0.0.0.0) ;;
    *.*.*.*)
        local a b c d
        IFS=. read -r a b c d <<<"$2"
        case $a$b$c$d in *[!0-9]*) ;; *) wanted=$(printf '%02X%02X%02X%02X' "$d" "$c" "$b" "$a") ;; esac
        ;;
    esac
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hex" -v wanted="$wanted" '
        $4 == "0A" {
            split($2, at, ":")
            if (at[2] != port) next
            if (wanted == "*" || at[1] == wanted || at[1] ~ /^0+$/) found = 1
        }
        END { exit !found }'
}
