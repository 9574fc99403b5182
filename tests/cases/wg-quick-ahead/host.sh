# A rule without priority lands one before the lowest rule after local, here before Tailscale's 5210.
nic eth0 02:00:00:00:2d:00
nic eth1 02:00:00:00:2d:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
tunnel tailscale0
ip addr add 100.64.0.5/32 dev tailscale0
ip route add 100.64.0.9 dev tailscale0 table 52
ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
ip rule add pref 5230 fwmark 0x80000/0xff0000 lookup default
ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable
ip rule add pref 5270 lookup 52
tunnel wg0
ip addr add 10.9.0.2/32 dev wg0
ip route add default dev wg0 table 51820
ip rule add not fwmark 0xca6c table 51820
ip rule add table main suppress_prefixlength 0
