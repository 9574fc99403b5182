# The administrator sends marked mail by the second provider; the rule has no priority, so it stands between ours and main.
nic eth0 02:00:00:00:33:00
nic eth1 02:00:00:00:33:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 table 100
ip rule add fwmark 0x19 lookup 100
