# nftables matches iifgroup 42 (untrusted); the group must stay, so routes through eth1 cannot be told apart by a group of ours.
nic eth0 02:00:00:00:50:00
nic eth1 02:00:00:00:50:01
nic eth2 02:00:00:00:50:02
ip link set eth1 group 42
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 203.0.113.10/24 dev eth2
ip addr add 10.88.0.1/24 dev lo
ip route add default via 192.0.2.1 dev eth0 metric 10
ip route add default via 198.51.100.1 dev eth1 metric 20
ip route add default via 203.0.113.1 dev eth2 metric 30
ip route add 10.61.0.0/16 via 198.51.100.30 dev eth1
