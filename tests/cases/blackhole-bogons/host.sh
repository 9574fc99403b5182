# A careful administrator drops bogons; eth1's prefix route lives in table 300 alone (noprefixroute).
nic eth0 02:00:00:00:52:00
nic eth1 02:00:00:00:52:01
nic eth2 02:00:00:00:52:02
ip addr add 192.0.2.10/24 dev eth0
ip addr add 10.3.0.10/24 dev eth1 noprefixroute
ip addr add 10.4.0.1/24 dev eth2
ip addr add 2001:db8:52:a::10/64 dev eth0
ip addr add 2001:db8:52:b::10/64 dev eth1 noprefixroute
ip route add default via 192.0.2.1 dev eth0
ip route add blackhole 10.0.0.0/8
ip route add blackhole 172.16.0.0/12
ip route add 10.3.0.0/24 dev eth1 scope link table 300
ip route add default via 10.3.0.1 dev eth1 table 300
ip -6 route add default via fe80::1 dev eth0 metric 1024
ip -6 route add blackhole 2001:db8:52::/48 metric 2048
ip -6 route add 2001:db8:52:b::/64 dev eth1 table 300
ip -6 route add default via fe80::2 dev eth1 table 300
