# A campus: the backbone's /16 on eth0, a laboratory's /24 of it on eth1.
nic eth0 02:00:00:00:40:00
nic eth1 02:00:00:00:40:01
ip addr add 10.0.0.5/16 dev eth0
ip addr add 10.0.7.5/24 dev eth1
ip route add default via 10.0.0.1 dev eth0
