//! Whether a browser's request comes from this site: what stands between a session cookie and other sites' pages.

use axum::http::{HeaderMap, header};
use kernel::error::Failure;

use crate::codes;

/// The header, and its value, that another site's page cannot send without asking first.
const REQUESTED_WITH: (&str, &str) = ("x-requested-with", "vitagraph");

/// The origins that may use session cookies: our own host, and those of the settings.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    trusted: Vec<String>,
}

impl Origins {
    /// These origins besides our own host.
    pub fn new(trusted: Vec<String>) -> Self {
        Self { trusted }
    }

    /// Whether the request was not made by a page of another site. A program that is no browser says nothing of where
    /// it comes from, and passes.
    pub fn is_same_site(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let origin_is_ours = match headers.get(header::ORIGIN) {
            None => true,
            Some(origin) => origin.to_str().is_ok_and(|origin| self.is_ours(origin, text("host"))),
        };
        let site_is_ours = match text("sec-fetch-site") {
            None | Some("same-origin" | "none") => true,
            // Behind a proxy that changes the host, a trusted origin counts.
            Some(_) => headers.contains_key(header::ORIGIN) && origin_is_ours,
        };
        origin_is_ours && site_is_ours
    }

    /// Refuses a request that a cookie has authenticated, unless it proves to come from a page of this site.
    pub fn check_cookie_request(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let (name, value) = REQUESTED_WITH;
        let sent = headers.get(name).map(|sent| sent.as_bytes());
        if sent != Some(value.as_bytes()) {
            let message = format!("a request with a session cookie needs the header `{name}: {value}`");
            return Err(Failure::new(&codes::CROSS_SITE, message));
        }
        if !self.is_same_site(headers) {
            return Err(Failure::new(
                &codes::CROSS_SITE,
                "the request comes from a page of another site",
            ));
        }
        Ok(())
    }

    fn is_ours(&self, origin: &str, host: Option<&str>) -> bool {
        if self.trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(origin)) {
            return true;
        }
        // The scheme is not compared: behind a proxy that ends TLS we see another one than the browser does.
        let authority = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        matches!((authority, host), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_site_pass() {
        let origins = Origins::new(vec!["https://media.example".to_owned()]);
        let passes = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "127.0.0.1:8080".parse().expect("a value"));
            for (name, value) in pairs {
                headers.insert(*name, value.parse().expect("a value"));
            }
            origins.is_same_site(&headers)
        };
        assert!(passes(&[]));
        assert!(passes(&[("origin", "http://127.0.0.1:8080")]));
        assert!(passes(&[
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(passes(&[
            ("origin", "https://media.example"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!passes(&[("origin", "http://127.0.0.1:8081")]));
        assert!(!passes(&[("origin", "null")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("origin", "http://127.0.0.1:8080.evil.example")]));
    }
}
