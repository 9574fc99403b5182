# Three cables; 10.99.0.0/16 is a partner's network by a router on the third provider's LAN, 10.98.0.0/16 by one on the second's.
nic eth0 02:00:00:00:38:00
nic eth1 02:00:00:00:38:01
nic eth2 02:00:00:00:38:02
nic lan0 02:00:00:00:38:03
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 203.0.113.10/24 dev eth2
ip addr add 10.99.5.1/24 dev lan0
ip route add default via 192.0.2.1 dev eth0
ip route add 10.99.0.0/16 via 203.0.113.30 dev eth2
ip route add 10.98.0.0/16 via 198.51.100.30 dev eth1
