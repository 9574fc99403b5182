# A link without carrier stays an uplink as long as it has an address; its routes are marked linkdown and still match.
nic eth0 02:00:00:00:55:00
nic eth1 02:00:00:00:55:01
nic eth2 02:00:00:00:55:02
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 10.12.0.1/24 dev eth2
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 metric 100
unplug eth1
