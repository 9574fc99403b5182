# Office router box: two providers' routers stand on the eth0 LAN, the third provider has a cable of its own.
nic eth0 02:00:00:00:27:00
nic eth1 02:00:00:00:27:01
ip addr add 192.0.2.10/25 dev eth0
ip addr add 192.0.2.200/25 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0 metric 1
ip route add default via 192.0.2.129 dev eth0 metric 2
ip route add default via 198.51.100.1 dev eth1 metric 3
