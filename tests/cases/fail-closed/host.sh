# A mail relay whose second provider must never be bypassed.
nic eth0 02:00:00:00:53:00
nic eth1 02:00:00:00:53:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 2001:db8:53:a::10/64 dev eth0
ip addr add 2001:db8:53:b::10/64 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 metric 50
ip -6 route add default via 2001:db8:53:a::1 dev eth0 metric 100
ip -6 route add default via 2001:db8:53:b::1 dev eth1 metric 200
