//! Rules by which an administrator opens what is not public.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::address;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// All addresses of a network, at every port.
    Network(IpNet),
    /// A host as it is named, or an address, at one port.
    Host(String, u16),
}

/// Why a rule cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` in `[egress]`, `allow`, is neither a network such as `192.168.1.0/24` nor a host with a port such as `camera.lan:554`"
)]
pub struct AllowError(String);

impl FromStr for Allow {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        let invalid = || AllowError(text.to_owned());
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        // The same spelling that targets have.
        let parsed = url::Host::parse(host).map_err(|_| invalid())?;
        Ok(Self::Host(parsed.to_string(), port))
    }
}

impl Allow {
    /// Whether the rule names that host and port.
    pub fn names(&self, host: &str, port: u16) -> bool {
        matches!(self, Self::Host(known, at) if known == host && *at == port)
    }

    /// Whether the rule holds for a [canonical](address::canonical) address at that port.
    pub fn holds(&self, address: IpAddr, port: u16) -> bool {
        match self {
            Self::Network(network) => network.contains(&address),
            Self::Host(host, at) => {
                let own = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
                *at == port && own.is_ok_and(|own| address::canonical(own) == address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Allow;

    #[test]
    fn rules_are_networks_and_hosts_with_a_port() {
        let rule = |text: &str| text.parse::<Allow>().expect(text);
        assert!(rule("192.168.0.0/16").holds("192.168.7.1".parse().unwrap(), 9));
        assert!(!rule("192.168.0.0/16").holds("192.169.0.1".parse().unwrap(), 9));
        assert!(rule("fd00::/8").holds("fd12::1".parse().unwrap(), 9));
        assert!(rule("10.0.0.5:554").holds("10.0.0.5".parse().unwrap(), 554));
        assert!(!rule("10.0.0.5:554").holds("10.0.0.5".parse().unwrap(), 80));
        assert!(rule("[fd00::1]:554").holds("fd00::1".parse().unwrap(), 554));
        assert!(rule("Camera.LAN:554").names("camera.lan", 554));
        assert!(!rule("camera.lan:554").names("camera.lan", 555));
        for text in ["", "camera.lan", "10.0.0.0/33", "camera.lan:x", "a b:80", ":80"] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
    }
}
