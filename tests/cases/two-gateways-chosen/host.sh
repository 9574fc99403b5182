# A hosting server with an extra IPv4 block and an extra IPv6 prefix on the same port; main knows the first routers alone.
nic eth0 02:00:00:00:26:00
ip addr add 203.0.113.10/24 dev eth0
ip addr add 198.51.100.18/28 dev eth0
ip addr add 198.51.100.19/28 dev eth0
ip addr add 2001:db8:26:1::10/64 dev eth0
ip addr add 2001:db8:26:2::10/64 dev eth0
ip route add default via 203.0.113.1 dev eth0
ip -6 route add default via 2001:db8:26:1::1 dev eth0
