#!/usr/bin/env python3
"""memory_of.py SECRET-FILE PID...: where the secret stands in the memory of these processes. Prints a line for each place:
process, address, "locked" or "unlocked", the mapping's name. Wants the rights of root."""
import re
import sys

HEADER = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$")


def mappings(pid):
    """(begin, end, name, flags) of what can be read."""
    found = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            header = HEADER.match(line)
            if header:
                begin, end, rights, name = header.groups()
                found = (int(begin, 16), int(end, 16), name.strip()) if rights[0] == "r" else None
            elif line.startswith("VmFlags:") and found is not None:
                yield *found, line.split()[1:]


def places(pid, secret):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, name, flags in mappings(pid):
            if name in ("[vvar]", "[vsyscall]") or "io" in flags or "pf" in flags:
                continue
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            at = content.find(secret)
            while at >= 0:
                yield begin + at, "lo" in flags, name
                at = content.find(secret, at + 1)


def main():
    with open(sys.argv[1], "rb") as file:
        secret = file.read().strip()
    for pid in sys.argv[2:]:
        for at, locked, name in places(pid, secret):
            print(pid, hex(at), "locked" if locked else "unlocked", name or "-")


main()
