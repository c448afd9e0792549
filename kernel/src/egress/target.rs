//! Where a connection is to go, read off a URL in one way for all: what is checked is what is connected to.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

/// The longest URL.
const MAX_URL: usize = 4096;

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// RTSP over TCP.
    Rtsp,
}

impl Scheme {
    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Rtsp => "rtsp",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Rtsp => 554,
        }
    }

    fn of(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once(':')?;
        [Self::Http, Self::Https, Self::Rtsp]
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(scheme))
    }
}

/// Why a text names no target. It never holds the text, which may have a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The scheme is not one that is spoken here.
    #[error("the address must begin with `http://`, `https://` or `rtsp://`")]
    Scheme,
    /// Not a URL with a host.
    #[error("the address is not a URL with a host")]
    Malformed,
    /// Too long.
    #[error("the address is longer than {MAX_URL} characters")]
    TooLong,
}

/// A URL that may be connected to, once [`Egress`](super::Egress) admits it. Shown without account, path and query.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    /// With another scheme than its own for RTSP; see [`parse`](Self::parse).
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    /// Reads a URL. Hosts are read as browsers read them, for RTSP too: `0x7f.1` and `2130706433` are 127.0.0.1.
    ///
    /// # Errors
    /// When it is none that is spoken here.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > MAX_URL {
            return Err(TargetError::TooLong);
        }
        // Browsers drop tabs and line ends wherever they are, and others do not: whoever writes one is up to something.
        if text.contains(|letter: char| letter.is_control()) {
            return Err(TargetError::Malformed);
        }
        let scheme = Scheme::of(text).ok_or(TargetError::Scheme)?;
        let url = match scheme {
            // Hosts of schemes that the URL standard does not know are not read at all; it knows `ftp`, whose own port is
            // none that RTSP has.
            Scheme::Rtsp => Url::parse(&format!("ftp{}", &text[scheme.name().len()..])),
            Scheme::Http | Scheme::Https => Url::parse(text),
        };
        Self::of(scheme, url.map_err(|_| TargetError::Malformed)?)
    }

    /// The target that this one redirects to, or that a playlist of it names: HTTP stays HTTP.
    ///
    /// # Errors
    /// When it is no URL, or of another scheme.
    pub fn join(&self, text: &str) -> Result<Self, TargetError> {
        if text.len() > MAX_URL {
            return Err(TargetError::TooLong);
        }
        let url = self.url.join(text).map_err(|_| TargetError::Malformed)?;
        let scheme = match (self.scheme, url.scheme()) {
            (Scheme::Rtsp, "ftp") => Scheme::Rtsp,
            (Scheme::Http | Scheme::Https, "http") => Scheme::Http,
            (Scheme::Http | Scheme::Https, "https") => Scheme::Https,
            _ => return Err(TargetError::Scheme),
        };
        Self::of(scheme, url)
    }

    fn of(scheme: Scheme, mut url: Url) -> Result<Self, TargetError> {
        url.set_fragment(None);
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.trim_end_matches('.').is_empty() => name.to_owned(),
            Some(Host::Domain(_)) | None => return Err(TargetError::Malformed),
            Some(host) => host.to_string(),
        };
        let port = url.port().unwrap_or(scheme.port());
        Ok(Self {
            scheme,
            url,
            host,
            port,
        })
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host: a lowercase name in ASCII, or an address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, its scheme's own if none is named.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host's address, if it is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Name and password, if the URL has them, decoded.
    pub fn account(&self) -> Option<(String, String)> {
        let decode = |text: &str| {
            url::form_urlencoded::parse(format!("v={}", text.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let name = self.url.username();
        let password = self.url.password();
        (!name.is_empty() || password.is_some()).then(|| (decode(name), decode(password.unwrap_or_default())))
    }

    /// Path and query, as they are sent. They may be secret.
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Whether two targets are the same host, port and scheme, so that what is secret between us and one may go to the other.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme, self.port, &self.host) == (other.scheme, other.port, &other.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, Target, TargetError};

    #[test]
    fn a_target_shows_no_secret_and_knows_its_parts() {
        let target = Target::parse("RTSP://ad%20min:p%40ss+@Camera.LAN/live?token=s3cret#x").unwrap();
        assert_eq!(
            format!("{target:?} {target}"),
            "rtsp://camera.lan:554 rtsp://camera.lan:554"
        );
        assert_eq!(target.account(), Some(("ad min".to_owned(), "p@ss+".to_owned())));
        assert_eq!(target.path_and_query(), "/live?token=s3cret");
        assert_eq!(target.scheme(), Scheme::Rtsp);
        assert_eq!(Target::parse("rtsp://a:80/").unwrap().port(), 80);
        assert_eq!(Target::parse("https://a/").unwrap().port(), 443);
        assert_eq!(
            Target::parse("rtsp://0x7f.1/").unwrap().address(),
            Some("127.0.0.1".parse().unwrap())
        );
        assert_eq!(Target::parse("gopher://a/"), Err(TargetError::Scheme));
        let playlist = Target::parse("http://a/x/live.m3u8").unwrap();
        assert_eq!(playlist.join("1.ts?a").unwrap().path_and_query(), "/x/1.ts?a");
        assert_eq!(playlist.join("file:///etc/passwd"), Err(TargetError::Scheme));
        assert_eq!(playlist.join("rtsp://a/"), Err(TargetError::Scheme));
    }
}
