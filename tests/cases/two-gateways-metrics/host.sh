# A LAN behind two routers (DSL and cable), each with a subnet of its own on the same wire.
nic eth0 02:00:00:00:25:00
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth0
ip route add default via 192.0.2.1 dev eth0 metric 10
ip route add default via 198.51.100.1 dev eth0 metric 20
