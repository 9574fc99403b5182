# Docker's classic IPv6 set-up with NDP proxying: the containers' /80 is a part of eth0's /64.
nic eth0 02:00:00:00:29:00
nic eth1 02:00:00:00:29:01
nic vethc0ffee1 02:00:00:00:29:11
bridge docker0 02:42:ac:11:00:01 vethc0ffee1
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 172.17.0.1/16 dev docker0
ip addr add 2001:db8:29:a::10/64 dev eth0
ip addr add 2001:db8:29:b::10/64 dev eth1
ip addr add 2001:db8:29:a:d0c::1/80 dev docker0
ip route add default via 192.0.2.1 dev eth0
ip -6 route add default via fe80::1 dev eth0 metric 1024
ip -6 route add default via fe80::2 dev eth1 metric 1025
setting net/ipv4/ip_forward 1
setting net/ipv6/conf/all/forwarding 1
