# LARTC 4.2.2 without the rules: replies leave by whichever leg the hash picks.
nic eth0 02:00:00:00:41:00
nic eth1 02:00:00:00:41:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 198.51.100.1 dev eth1 weight 1
ip route add 10.60.0.0/16 nexthop via 192.0.2.30 dev eth0 weight 1 nexthop via 198.51.100.30 dev eth1 weight 1
