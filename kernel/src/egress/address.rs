//! Which addresses are public, after IANA's registries of special-purpose addresses (RFC 6890 and what has joined since).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in the form that is judged: IPv4 inside IPv6 is the IPv4 address that packets will go to.
pub fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    // Translators send 64:ff9b::/96 to the IPv4 address in its last 32 bits (RFC 6052).
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into(),
        _ => address,
    }
}

/// Whether a [canonical](canonical) address is anybody's on the internet: not this machine, its network, a group, a tunnel,
/// an example or something reserved.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !V4.iter().any(|&(network, bits)| v4_within(v4, network, bits)),
        // Only this eighth is given out; all else is reserved, local or a group.
        IpAddr::V6(v6) => {
            v6_within(v6, [0x2000, 0, 0], 3) && !V6.iter().any(|&(network, bits)| v6_within(v6, network, bits))
        }
    }
}

const V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Groups, the future, and everybody.
    ([224, 0, 0, 0], 3),
];

/// What is not anybody's within 2000::/3, by its first 48 bits: protocol assignments (Teredo among them), documentation,
/// 6to4, which carries any IPv4 address, and AS112.
const V6: &[([u16; 3], u32)] = &[
    ([0x2001, 0, 0], 23),
    ([0x2001, 0xdb8, 0], 32),
    ([0x2002, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000], 48),
    ([0x3fff, 0, 0], 20),
];

fn v4_within(address: Ipv4Addr, network: [u8; 4], bits: u32) -> bool {
    (address.to_bits() ^ Ipv4Addr::from(network).to_bits()) >> (32 - bits) == 0
}

fn v6_within(address: Ipv6Addr, [a, b, c]: [u16; 3], bits: u32) -> bool {
    (address.to_bits() ^ Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits()) >> (128 - bits) == 0
}

/// Whether a port is known for a service that is neither web, nor stream, nor camera, such as mail or remote shells: what is
/// sent there may mean something to it. The list is that of browsers (WHATWG Fetch, 2.9), but for RTSP's own port.
pub fn is_foreign_port(port: u16) -> bool {
    FOREIGN_PORTS.binary_search(&port).is_ok()
}

const FOREIGN_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060,
    5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211,
];

#[cfg(test)]
mod tests {
    use super::{FOREIGN_PORTS, canonical, is_public};

    #[test]
    fn the_edges_of_every_special_range_are_known() {
        // Beside each range, what is next to it on either side.
        let special = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 \
            169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.1 192.31.196.1 \
            192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 \
            203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 \
            :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 64:ff9b::127.0.0.1 64:ff9b::192.168.1.1 64:ff9b:1::1 100::1 \
            2001::1 2001:0:1:2:3:4:5:6 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002::1 2002:7f00:1::1 \
            2620:4f:8000::1 3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fdff:ffff::1 fe80::1 febf::1 fec0::1 ff02::1 \
            fd00:ec2::254";
        for text in special.split_whitespace() {
            assert!(!is_public(canonical(text.parse().unwrap())), "{text}");
        }
        let public = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
            169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 \
            198.20.0.0 198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1 \
            2001:4860:4860::8888 2003::1 2620:4f:8001::1 2a00:1450::1 3ffe::1";
        for text in public.split_whitespace() {
            assert!(is_public(canonical(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn ports_are_sorted_for_the_search() {
        assert!(FOREIGN_PORTS.is_sorted());
    }
}
