# redirect-gateway def1: two /1 routes in main beat every default; the server itself is pinned to the primary.
nic eth0 02:00:00:00:15:00
nic eth1 02:00:00:00:15:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
tunnel tun0
ip addr add 10.8.0.6/24 dev tun0
ip route add 203.0.113.99 via 192.0.2.1 dev eth0
ip route add 0.0.0.0/1 via 10.8.0.1 dev tun0
ip route add 128.0.0.0/1 via 10.8.0.1 dev tun0
ip route add 10.20.0.0/16 via 10.8.0.1 dev tun0
