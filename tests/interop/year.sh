#!/bin/bash
# A year goes by in a minute: the clock of the gateway is moved on. Who is told of what, once each, by a real mail server;
# what was chatter of protocols goes by its rules; certificates, revocations and events stay.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

# The clock of mariadbd stays: what is stored has the gateway's times.
start_movable() {
    local preload=${GATEHOUSE_CLOCK_STEP:-$(find "$bin/.." -name libclock_step.so | head -n 1)}
    [ -f "$preload" ] || die "libclock_step.so is missing: build it, or set GATEHOUSE_CLOCK_STEP"
    head -c 8 /dev/zero >clock
    "$interop_root/tests/lib/mariadb.sh" start "$instance/db" >/dev/null
    export LD_PRELOAD=$preload CLOCK_STEP_FILE=$work/clock
    start_instance --jobs-interval 1
    unset LD_PRELOAD
}

mail_server() {
    mkdir mails
    /usr/bin/python3 "$interop_root/tests/lib/smtp_server.py" mails &
    other_pids+=($!)
    within 20 test -s mails/port || die "no mail server"
}

year() { PYTHONDONTWRITEBYTECODE=1 python3 "$here/year.py" "$@" "$instance/db/db.sock"; }

begin
need python3 mariadb
start_movable
mail_server
year notices
year chatter
stop_gateway
LD_PRELOAD=${GATEHOUSE_CLOCK_STEP:-$(find "$bin/.." -name libclock_step.so | head -n 1)} start_gateway
year later
shown_count=$(cat claims)
finish
