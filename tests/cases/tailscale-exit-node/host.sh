# With an exit node table 52 takes everything; the LAN and the loopback are thrown back.
nic eth0 02:00:00:00:30:00
nic eth1 02:00:00:00:30:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
tunnel tailscale0
ip link set tailscale0 mtu 1280
ip addr add 100.64.0.5/32 dev tailscale0
ip route add default dev tailscale0 table 52
ip route add 100.64.0.9 dev tailscale0 table 52
ip route add throw 127.0.0.0/8 table 52
ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
ip rule add pref 5230 fwmark 0x80000/0xff0000 lookup default
ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable
ip rule add pref 5270 lookup 52
