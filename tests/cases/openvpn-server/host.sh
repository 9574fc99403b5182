# tun0 is the server's end; 10.30.0.0/16 is a customer's LAN behind a client (iroute).
nic eth0 02:00:00:00:32:00
nic eth1 02:00:00:00:32:01
ip addr add 203.0.113.10/25 dev eth0
ip addr add 203.0.113.210/25 dev eth1
ip route add default via 203.0.113.1 dev eth0
tunnel tun0
ip addr add 10.8.0.1/24 dev tun0
ip route add 10.30.0.0/16 via 10.8.0.2 dev tun0
setting net/ipv4/ip_forward 1
