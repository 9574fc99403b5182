# RHEL 8 with network-scripts: eth1 came up first, so main's subnet route is eth1's while the default is eth0's.
nic eth0 02:00:00:00:20:00
nic eth1 02:00:00:00:20:01
ip addr add 10.5.0.21/24 brd + dev eth1
ip addr add 10.5.0.20/24 brd + dev eth0
ip addr add 10.5.0.30/24 brd + dev eth1
ip route add default via 10.5.0.1 dev eth0
setting net/ipv4/conf/all/rp_filter 1
setting net/ipv4/conf/eth0/rp_filter 1
setting net/ipv4/conf/eth1/rp_filter 1
