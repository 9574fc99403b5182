# Ethernet, USB Ethernet and WLAN all lease from one router; dhclient sets defaults apart by metric, the kernel three subnet routes.
nic eth0 02:00:00:00:21:00
nic usb0 02:00:00:00:21:01
nic wlan0 02:00:00:00:21:02
ip addr add 10.6.0.50/24 brd + dev eth0 metric 202 valid_lft 3000 preferred_lft 3000
ip addr add 10.6.0.51/24 brd + dev usb0 metric 203 valid_lft 3000 preferred_lft 3000
ip addr add 10.6.0.52/24 brd + dev wlan0 metric 304 valid_lft 3000 preferred_lft 3000
ip route add default via 10.6.0.1 dev eth0 proto dhcp src 10.6.0.50 metric 202
ip route add default via 10.6.0.1 dev usb0 proto dhcp src 10.6.0.51 metric 203
ip route add default via 10.6.0.1 dev wlan0 proto dhcp src 10.6.0.52 metric 304
