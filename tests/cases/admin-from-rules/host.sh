# The LARTC recipe by hand for one address of eth1 (rule 100, table isp2), forgotten for the other one.
nic eth0 02:00:00:00:35:00
nic eth1 02:00:00:00:35:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 198.51.100.11/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add 198.51.100.0/24 dev eth1 scope link src 198.51.100.10 table 201
ip route add default via 198.51.100.1 dev eth1 table 201
ip rule add pref 100 from 198.51.100.10 lookup 201
ip rule add pref 150 from 192.0.2.10 to 203.0.113.128/25 lookup 201
