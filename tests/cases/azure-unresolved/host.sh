# Azure gives the secondary NIC an address and no gateway; a static route hints at one, which is never taken as a fact.
nic eth0 02:00:00:00:3d:00
nic eth1 02:00:00:00:3d:01
ip addr add 10.0.0.4/24 brd + dev eth0
ip addr add 10.0.1.4/24 brd + dev eth1
ip route add default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.4
ip route add 10.50.0.0/16 via 10.0.1.1 dev eth1
