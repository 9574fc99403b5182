# The tailnet is in table 52, which rule 5270 asks before main; no default in it.
nic eth0 02:00:00:00:2e:00
nic eth1 02:00:00:00:2e:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 2001:db8:2e:a::10/64 dev eth0
ip addr add 2001:db8:2e:b::10/64 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip -6 route add default via fe80::1 dev eth0 metric 100
ip -6 route add default via fe80::2 dev eth1 metric 200
tunnel tailscale0
ip link set tailscale0 mtu 1280
ip addr add 100.64.0.5/32 dev tailscale0
ip addr add 2001:db8:2e:f::5/128 dev tailscale0
ip route add 100.64.0.9 dev tailscale0 table 52
ip route add 10.40.0.0/16 dev tailscale0 table 52
ip -6 route add 2001:db8:2e:f::/64 dev tailscale0 table 52
for family in -4 -6; do
	ip $family rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
	ip $family rule add pref 5230 fwmark 0x80000/0xff0000 lookup default
	ip $family rule add pref 5250 fwmark 0x80000/0xff0000 unreachable
	ip $family rule add pref 5270 lookup 52
done
