#!/bin/sh
# asymgen 0.1.0: source-based routing as plain ip(8) commands. Root runs it; it may be run again.
set -u
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C; export LC_ALL # ip(8)'s messages are compared
failed=0
attempt() { # attempt FORGIVEN COMMAND…
    said=$(shift; "$@" 2>&1 </dev/null) && return
    printf '%s\n' "$said" | grep -E -q "$1" || { shift; failed=1; printf 'failed: %s: %s\n' "$*" "$said" >&2; }
}
setting() { echo "$1" >"$2"; }
ensure() { attempt 'File exists' "$@"; }

ensure ip link set dev eth0 group 9700
ensure ip link set dev eth1 group 9701
ensure ip -4 route replace 192.0.2.0/24 dev eth0 table 1 proto 97
ensure ip -4 route replace default via 192.0.2.1 dev eth0 table 1 proto 97
ensure ip -4 route replace 198.51.100.0/24 dev eth1 table 2 proto 97
ensure ip -4 route replace default via 198.51.100.1 dev eth1 table 2 proto 97
ensure ip -4 rule add pref 5269 from 192.0.2.0/24 iif lo goto 32000 protocol 97
ensure ip -4 rule add pref 32000 from 192.0.2.0/24 fwmark 0x80000/0xff0000 iif lo lookup 254 protocol 97
ensure ip -4 rule add pref 32000 from 192.0.2.0/24 fwmark 0x80000/0xff0000 iif lo lookup 253 protocol 97
ensure ip -4 rule add pref 32000 from 192.0.2.0/24 fwmark 0x80000/0xff0000 iif lo unreachable protocol 97
ensure ip -4 rule add pref 32000 from 192.0.2.0/24 iif lo lookup 52 suppress_prefixlength 7 protocol 97
ensure ip -4 rule add pref 32000 from 192.0.2.0/24 to 192.0.2.0/24 iif lo lookup 254 suppress_prefixlength 24 suppress_ifgroup 9701 protocol 97
ensure ip -4 rule add pref 32001 from 192.0.2.0/24 iif lo lookup 1 suppress_prefixlength 7 protocol 97
ensure ip -4 rule add pref 32002 from 192.0.2.0/24 iif lo lookup 254 suppress_prefixlength 7 suppress_ifgroup 9701 protocol 97
ensure ip -4 rule add pref 32003 from 192.0.2.0/24 iif lo lookup 1 protocol 97
ensure ip -4 rule add pref 5269 from 198.51.100.0/24 iif lo goto 32010 protocol 97
ensure ip -4 rule add pref 32010 from 198.51.100.0/24 fwmark 0x80000/0xff0000 iif lo lookup 254 protocol 97
ensure ip -4 rule add pref 32010 from 198.51.100.0/24 fwmark 0x80000/0xff0000 iif lo lookup 253 protocol 97
ensure ip -4 rule add pref 32010 from 198.51.100.0/24 fwmark 0x80000/0xff0000 iif lo unreachable protocol 97
ensure ip -4 rule add pref 32010 from 198.51.100.0/24 iif lo lookup 52 suppress_prefixlength 7 protocol 97
ensure ip -4 rule add pref 32010 from 198.51.100.0/24 to 198.51.100.0/24 iif lo lookup 254 suppress_prefixlength 24 suppress_ifgroup 9700 protocol 97
ensure ip -4 rule add pref 32011 from 198.51.100.0/24 iif lo lookup 2 suppress_prefixlength 7 protocol 97
ensure ip -4 rule add pref 32012 from 198.51.100.0/24 iif lo lookup 254 suppress_prefixlength 7 suppress_ifgroup 9700 protocol 97
ensure ip -4 rule add pref 32013 from 198.51.100.0/24 iif lo lookup 2 protocol 97

exit "$failed"
