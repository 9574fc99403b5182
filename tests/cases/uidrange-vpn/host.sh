# The download user's packets take tun0 (table 200), whatever their source; everybody else is multi-homed.
nic eth0 02:00:00:00:34:00
nic eth1 02:00:00:00:34:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0 metric 100
ip route add default via 198.51.100.1 dev eth1 metric 200
tunnel tun0
ip addr add 10.8.0.6/24 dev tun0
ip route add default via 10.8.0.1 dev tun0 table 200
ip rule add uidrange 1001-1001 lookup 200
