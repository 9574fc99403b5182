# main is asked at 20000 and no longer at 32766, so our rules must stand before 20000; the firewall's mark rule stays ahead.
nic eth0 02:00:00:00:51:00
nic eth1 02:00:00:00:51:01
ip addr add 192.0.2.10/24 dev eth0
ip addr add 198.51.100.10/24 dev eth1
ip route add default via 192.0.2.1 dev eth0
ip route add default via 198.51.100.1 dev eth1 table 300
ip rule add pref 10000 fwmark 0x2/0xf lookup 300
ip rule add pref 20000 lookup main
ip rule del pref 32766
