# The customer's network has the range of the own LAN: the VPN's route for the same /24 wins in main by its metric.
nic eth0 02:00:00:00:56:00
nic eth1 02:00:00:00:56:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 10.13.0.10/24 dev eth1 metric 100
ip route add default via 192.0.2.1 dev eth0
ip route add default via 10.13.0.1 dev eth1 metric 100
tunnel tun0
ip addr add 10.8.0.6/24 dev tun0
ip route add 10.13.0.0/24 via 10.8.0.1 dev tun0
