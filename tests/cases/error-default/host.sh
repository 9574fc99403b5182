# Nothing leaves by accident: main has an unreachable default, each provider a table; guests behind virbr0.
nic eth0 02:00:00:00:3f:00
nic eth1 02:00:00:00:3f:01
nic vnet0 02:00:00:00:3f:11
bridge virbr0 02:00:00:00:3f:10 vnet0
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 172.28.122.1/24 dev virbr0
ip route add unreachable default metric 4278198272
ip route add default via 192.0.2.1 dev eth0 table 101
ip route add default via 198.51.100.1 dev eth1 table 102
