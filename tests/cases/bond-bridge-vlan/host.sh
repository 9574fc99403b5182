# bond0 (two ports) is the primary, br0 over eno3 the second, bond0.30 the third uplink.
nic eno1 02:00:00:00:3a:01
nic eno2 02:00:00:00:3a:01
nic eno3 02:00:00:00:3a:03
bridge bond0 02:00:00:00:3a:01 eno1 eno2
bridge br0 02:00:00:00:3a:03 eno3
nic bond0.30 02:00:00:00:3a:01
ip addr add 10.10.0.5/24 dev bond0
ip addr add 10.20.0.5/24 dev br0
ip addr add 10.30.0.5/24 dev bond0.30
ip route add default via 10.10.0.1 dev bond0
ip route add default via 10.20.0.1 dev br0 metric 200
ip route add default via 10.30.0.1 dev bond0.30 metric 300
