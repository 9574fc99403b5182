# Two elastic network interfaces as ifupdown with dhclient leaves them: both defaults in main, apart by metric; IPv6 addresses are /128 from
# DHCPv6, the /64 comes from the router's announcement, the router is link-local.
nic ens5 02:00:00:00:12:05
nic ens6 02:00:00:00:12:06
ip addr add 10.20.1.15/24 brd + dev ens5 valid_lft 3000 preferred_lft 3000
ip addr add 10.20.2.16/24 brd + dev ens6 valid_lft 3000 preferred_lft 3000
ip route add default via 10.20.1.1 dev ens5 proto dhcp src 10.20.1.15 metric 100
ip route add default via 10.20.2.1 dev ens6 proto dhcp src 10.20.2.16 metric 200
ip addr add 2001:db8:12:1::15/128 dev ens5 valid_lft 400 preferred_lft 100
ip addr add 2001:db8:12:2::16/128 dev ens6 valid_lft 400 preferred_lft 100
ip -6 route add 2001:db8:12:1::/64 dev ens5 proto ra metric 100
ip -6 route add 2001:db8:12:2::/64 dev ens6 proto ra metric 200
ip -6 route add default via fe80::1 dev ens5 proto ra metric 100 expires 1800
ip -6 route add default via fe80::2 dev ens6 proto ra metric 200 expires 1800
