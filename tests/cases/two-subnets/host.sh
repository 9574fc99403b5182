# Debian server at two providers. ifupdown cannot add the second default route ("File exists"), so main has one.
nic eth0 02:00:00:00:10:00
nic eth1 02:00:00:00:10:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 198.51.100.11/24 dev eth1
ip route add default via 192.0.2.1 dev eth0 onlink
