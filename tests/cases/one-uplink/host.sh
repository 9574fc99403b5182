nic eth0 02:00:00:00:3b:00
ip addr add 192.0.2.10/24 dev eth0
ip addr add 192.0.2.11/24 dev eth0
ip addr add 2001:db8:3b::10/64 dev eth0
ip route add default via 192.0.2.1 dev eth0
ip -6 route add default via fe80::1 dev eth0 metric 1024
