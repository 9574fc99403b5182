# The same machine as azure-unresolved, with --gateway eth1=10.0.1.1 and a second private address.
nic eth0 02:00:00:00:3e:00
nic eth1 02:00:00:00:3e:01
ip addr add 10.0.0.4/24 brd + dev eth0
ip addr add 10.0.1.4/24 brd + dev eth1
ip addr add 10.0.1.5/24 brd + dev eth1
ip route add default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.4
ip route add 10.50.0.0/16 via 10.0.1.1 dev eth1
