# interfaces(5) with inet and inet6 stanzas; the second IPv6 default has a metric, the second IPv4 default is missing.
nic eth0 02:00:00:00:28:00
nic eth1 02:00:00:00:28:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 2001:db8:28:a::10/64 dev eth0
ip addr add 2001:db8:28:b::10/64 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip -6 route add default via 2001:db8:28:a::1 dev eth0 metric 1024
ip -6 route add default via fe80::b dev eth1 metric 2048
