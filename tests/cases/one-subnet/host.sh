# The classic ARP flux host: both NICs on one LAN, main's subnet route is eth0's, strict rp_filter.
nic eth0 02:00:00:00:11:00
nic eth1 02:00:00:00:11:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 192.0.2.11/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
setting net/ipv4/conf/all/rp_filter 1
