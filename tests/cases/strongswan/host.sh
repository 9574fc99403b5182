# charon installs rule 220 and routes for the protected networks by the uplink that carries the tunnel; policies encrypt them.
nic eth0 02:00:00:00:37:00
nic eth1 02:00:00:00:37:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip addr add 10.50.0.1/24 dev lo
ip route add default via 192.0.2.1 dev eth0
ip route add 10.51.0.0/16 via 192.0.2.1 dev eth0 proto static src 10.50.0.1 table 220
ip rule add pref 220 lookup 220
ip -6 rule add pref 220 lookup 220
