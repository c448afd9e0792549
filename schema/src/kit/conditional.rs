//! Validators and preconditions after RFC 9110, sections 8.8 and 13.

use axum::http::{HeaderMap, HeaderName, header};
use jiff::{Timestamp, fmt::rfc2822};

static DATES: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
static DATE: rfc2822::DateTimePrinter = rfc2822::DateTimePrinter::new();

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// A strong entity tag. A file's is of size and time: one changed within the clock's grain keeps neither in practice.
    pub etag: String,
    /// The modification time, in whole seconds, in HTTP's form; absent when it is outside of what that can say.
    pub last_modified: Option<String>,
    modified_s: i64,
}

/// What the preconditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer; a range only if `honors_range`.
    Go {
        /// Whether `If-Range` lets the range stand.
        honors_range: bool,
    },
    /// The client has it already.
    NotModified,
    /// The client expects another state.
    Failed,
}

impl Validators {
    /// Those of what never changes under its URL: the name of its content is the tag.
    pub fn of_content(name: &str) -> Self {
        Self {
            etag: format!("\"{name}\""),
            last_modified: None,
            modified_s: i64::MAX,
        }
    }

    /// Those of a file.
    pub fn of_file(size: i64, mtime_ns: i64) -> Self {
        let modified_s = mtime_ns.div_euclid(1_000_000_000);
        let moment = Timestamp::from_second(modified_s).ok();
        let last_modified = moment.and_then(|moment| DATE.timestamp_to_rfc9110_string(&moment).ok());
        Self {
            etag: format!("\"{size:x}-{mtime_ns:x}\""),
            last_modified,
            modified_s,
        }
    }

    /// Evaluates a GET's or HEAD's preconditions in the order of section 13.2.2.
    pub fn evaluate(&self, headers: &HeaderMap) -> Outcome {
        if headers.contains_key(header::IF_MATCH) {
            if !self.listed(headers, &header::IF_MATCH, Comparison::Strong) {
                return Outcome::Failed;
            }
        } else if date(headers, &header::IF_UNMODIFIED_SINCE).is_some_and(|since| self.modified_s > since) {
            return Outcome::Failed;
        }
        if headers.contains_key(header::IF_NONE_MATCH) {
            if self.listed(headers, &header::IF_NONE_MATCH, Comparison::Weak) {
                return Outcome::NotModified;
            }
        } else if date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|since| self.modified_s <= since) {
            return Outcome::NotModified;
        }
        let honors_range = match headers
            .get(header::IF_RANGE)
            .map(|value| value.to_str().unwrap_or_default().trim())
        {
            None => true,
            Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => tag == self.etag,
            // A date stands only when it is exactly the one that was sent.
            Some(date) => self.last_modified.as_deref() == Some(date),
        };
        Outcome::Go { honors_range }
    }

    fn listed(&self, headers: &HeaderMap, name: &HeaderName, comparison: Comparison) -> bool {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        // Our own tags have no comma, so a split cannot make one of somebody else's.
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| match comparison {
                _ if tag == "*" => true,
                Comparison::Strong => tag == self.etag,
                Comparison::Weak => tag.strip_prefix("W/").unwrap_or(tag) == self.etag,
            })
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

/// A date that cannot be read is ignored, as the RFC says.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    DATES.parse_timestamp(text).ok().map(|moment| moment.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn preconditions_come_in_the_order_of_the_rfc() {
        // Half a second past the second that the header can say.
        let file = Validators::of_file(100, 784_111_777_500_000_000);
        assert_eq!(file.last_modified.as_deref(), Some(ON));
        let tag = file.etag.clone();
        let weak = format!("W/{tag}");
        let list = format!("\"x\", {tag}");
        let go = Outcome::Go { honors_range: true };
        let whole = Outcome::Go { honors_range: false };
        let table: Vec<(Vec<(&str, &str)>, Outcome)> = vec![
            (vec![], go),
            (vec![("if-none-match", &tag)], Outcome::NotModified),
            (vec![("if-none-match", &weak)], Outcome::NotModified),
            (vec![("if-none-match", &list)], Outcome::NotModified),
            (vec![("if-none-match", "*")], Outcome::NotModified),
            (vec![("if-none-match", "\"x\"")], go),
            (vec![("if-none-match", "\"x\""), ("if-modified-since", AFTER)], go),
            (vec![("if-modified-since", ON)], Outcome::NotModified),
            (vec![("if-modified-since", BEFORE)], go),
            (vec![("if-modified-since", "yesterday")], go),
            (vec![("if-match", &tag)], go),
            (vec![("if-match", &weak)], Outcome::Failed),
            (vec![("if-match", "\"x\"")], Outcome::Failed),
            (vec![("if-unmodified-since", BEFORE)], Outcome::Failed),
            (vec![("if-unmodified-since", ON)], go),
            (vec![("if-match", &tag), ("if-unmodified-since", BEFORE)], go),
            (vec![("if-range", &tag)], go),
            (vec![("if-range", &weak)], whole),
            (vec![("if-range", "\"x\"")], whole),
            (vec![("if-range", ON)], go),
            (vec![("if-range", AFTER)], whole),
        ];
        for (pairs, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in &pairs {
                headers.append(
                    HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value.parse().expect("a value"),
                );
            }
            assert_eq!(file.evaluate(&headers), expected, "{pairs:?}");
        }
    }
}
