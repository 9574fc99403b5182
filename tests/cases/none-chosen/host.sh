# The out-of-band network hands out a default route as well; --gateway mgmt0=none makes it an ordinary network.
nic eth0 02:00:00:00:63:00
nic eth1 02:00:00:00:63:01
nic mgmt0 02:00:00:00:63:02
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 10.15.0.10/24 dev mgmt0 valid_lft 3000 preferred_lft 3000
ip route add default via 192.0.2.1 dev eth0 metric 100
ip route add default via 198.51.100.1 dev eth1 metric 200
ip route add default via 10.15.0.1 dev mgmt0 proto dhcp metric 1000
ip route add 10.16.0.0/16 via 10.15.0.1 dev mgmt0
