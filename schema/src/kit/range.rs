//! Byte ranges after RFC 9110, section 14: what a request asks for, and what an answer says of it.

use std::ops::Range;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};

/// Bytes from the first to the last, both included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl Span {
    /// How many bytes.
    pub fn n_bytes(self) -> u64 {
        self.last - self.first + 1
    }

    /// Makes an answer one of this part of so many bytes.
    pub fn mark(self, response: &mut Response, size: u64) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = content_range(&format!("{}-{}", self.first, self.last), size);
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
}

/// What a `Range` header asks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: there is no header, or one that is not to be honored.
    Whole,
    /// These parts, at least one. More than one is a multipart answer.
    Parts(Vec<Span>),
    /// Nothing of it exists.
    Unsatisfiable,
}

/// More parts than any player asks for; who asks for more gets the whole file, as the RFC allows.
const MOST_PARTS: usize = 32;

/// Reads a `Range` header for a file of this size.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(specs) = header.and_then(specs) else {
        return Wanted::Whole;
    };
    if specs.len() > MOST_PARTS {
        return Wanted::Whole;
    }
    let spans: Vec<Span> = specs.into_iter().filter_map(|spec| spec.within(size)).collect();
    if spans.is_empty() {
        Wanted::Unsatisfiable
    } else {
        Wanted::Parts(merged(spans))
    }
}

/// The `Range` header of a request; a range is defined for GET alone.
pub fn asked<'a>(method: &Method, headers: &'a HeaderMap) -> Option<&'a str> {
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET)?;
    range.to_str().ok()
}

/// None of the asked bytes is among those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    size: u64,
}

impl Beyond {
    /// Of so many bytes.
    pub fn of(size: u64) -> Self {
        Self { size }
    }

    /// Makes a refusal say so: 416, and how many bytes there are.
    pub fn answer(self, mut refused: Response) -> Response {
        *refused.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        let range = content_range("*", self.size);
        refused.headers_mut().insert(header::CONTENT_RANGE, range);
        refused
    }
}

/// Which of so many bytes an answer of one part gives to a request with this header; status and head of the answer say which.
/// Who asks for several parts gets all, as the RFC allows.
///
/// # Errors
/// [`Beyond`], when none of those that are asked for exist.
pub fn part(response: &mut Response, range: Option<&str>, size: u64) -> Result<Range<u64>, Beyond> {
    let bytes = match wanted(range, size) {
        Wanted::Unsatisfiable => return Err(Beyond::of(size)),
        Wanted::Parts(spans) if spans.len() == 1 => {
            spans[0].mark(response, size);
            spans[0].first..spans[0].last + 1
        }
        Wanted::Whole | Wanted::Parts(_) => 0..size,
    };
    let length = HeaderValue::from(bytes.end - bytes.start);
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    Ok(bytes)
}

fn content_range(which: &str, size: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {which}/{size}")).expect("digits and signs can stand in a header")
}

#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `5-` and `5-9`.
    From(u64, Option<u64>),
    /// `-5`: the last five.
    Suffix(u64),
}

impl Spec {
    fn within(self, size: u64) -> Option<Span> {
        let end = size.checked_sub(1)?;
        match self {
            Self::From(first, _) if first > end => None,
            Self::From(first, last) => Some(Span {
                first,
                last: last.map_or(end, |last| last.min(end)),
            }),
            Self::Suffix(0) => None,
            Self::Suffix(n) => Some(Span {
                first: size.saturating_sub(n),
                last: end,
            }),
        }
    }
}

/// `None` for another unit and for what is malformed: both are to be ignored.
fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, list) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let specs: Vec<Spec> = parts.map(spec).collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", n) => number(n).map(Spec::Suffix),
        (first, "") => number(first).map(|first| Spec::From(first, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From(first, Some(last)))
        }
    }
}

/// Digits alone; a number beyond 64 bits is as good as the greatest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Parts that overlap are joined, so that no request is answered with more than the file has.
fn merged(spans: Vec<Span>) -> Vec<Span> {
    let mut sorted = spans.clone();
    sorted.sort_by_key(|span| span.first);
    if sorted.windows(2).all(|pair| pair[0].last < pair[1].first) {
        return spans;
    }
    let mut merged: Vec<Span> = Vec::with_capacity(sorted.len());
    for span in sorted {
        match merged.last_mut() {
            Some(before) if span.first <= before.last => before.last = before.last.max(span.last),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(spans: &[(u64, u64)]) -> Wanted {
        Wanted::Parts(
            spans
                .iter()
                .map(|(first, last)| Span {
                    first: *first,
                    last: *last,
                })
                .collect(),
        )
    }

    #[test]
    fn a_header_asks_for_what_the_rfc_says() {
        let huge = "bytes=0-99999999999999999999999999";
        let many = format!(
            "bytes={}",
            (0..40)
                .map(|n| format!("{}-{}", n * 2, n * 2))
                .collect::<Vec<_>>()
                .join(",")
        );
        for (header, size, expected) in [
            ("bytes=0-0", 100, parts(&[(0, 0)])),
            ("bytes=0-", 100, parts(&[(0, 99)])),
            ("bytes=10-19", 100, parts(&[(10, 19)])),
            ("Bytes=10-19", 100, parts(&[(10, 19)])),
            ("bytes=90-200", 100, parts(&[(90, 99)])),
            (huge, 100, parts(&[(0, 99)])),
            ("bytes=99-", 100, parts(&[(99, 99)])),
            ("bytes=100-", 100, Wanted::Unsatisfiable),
            ("bytes=-1", 100, parts(&[(99, 99)])),
            ("bytes=-100", 100, parts(&[(0, 99)])),
            ("bytes=-1000", 100, parts(&[(0, 99)])),
            ("bytes=-0", 100, Wanted::Unsatisfiable),
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=-5", 0, Wanted::Unsatisfiable),
            ("bytes=0-9, 20-29", 100, parts(&[(0, 9), (20, 29)])),
            ("bytes=20-29,0-9", 100, parts(&[(20, 29), (0, 9)])),
            ("bytes=0-9,200-", 100, parts(&[(0, 9)])),
            ("bytes=0-50,40-60,-10", 100, parts(&[(0, 60), (90, 99)])),
            ("bytes=0-,0-,0-", 100, parts(&[(0, 99)])),
            ("bytes=,0-1,", 100, parts(&[(0, 1)])),
            (&many, 100, Wanted::Whole),
            ("bytes=", 100, Wanted::Whole),
            ("bytes=a-b", 100, Wanted::Whole),
            ("bytes=5-2", 100, Wanted::Whole),
            ("bytes=-", 100, Wanted::Whole),
            ("bytes=+1-2", 100, Wanted::Whole),
            ("bytes=1-2-3", 100, Wanted::Whole),
            ("items=0-1", 100, Wanted::Whole),
            ("0-1", 100, Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), size), expected, "{header} of {size}");
        }
        assert_eq!(wanted(None, 100), Wanted::Whole);
    }

    #[test]
    fn an_answer_of_one_part_says_which() {
        for (header, size, expected, status, length, range) in [
            (None, 100, Ok(0..100), 200, "100", ""),
            (None, 0, Ok(0..0), 200, "0", ""),
            (Some("bytes=10-19"), 100, Ok(10..20), 206, "10", "bytes 10-19/100"),
            (Some("bytes=-1"), 100, Ok(99..100), 206, "1", "bytes 99-99/100"),
            (Some("bytes=0-9,20-29"), 100, Ok(0..100), 200, "100", ""),
            (Some("bytes=100-"), 100, Err(Beyond::of(100)), 200, "", ""),
        ] {
            let mut response = Response::default();
            assert_eq!(part(&mut response, header, size), expected, "{header:?} of {size}");
            let text = |name| {
                response
                    .headers()
                    .get(name)
                    .map_or("", |value| value.to_str().expect("text"))
            };
            let said = (
                response.status().as_u16(),
                text(header::CONTENT_LENGTH),
                text(header::CONTENT_RANGE),
            );
            assert_eq!(said, (status, length, range), "{header:?} of {size}");
        }
        let refused = Beyond::of(7).answer(Response::default());
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()[header::CONTENT_RANGE]),
            (416, &HeaderValue::from_static("bytes */7"))
        );
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=1-"))]);
        assert_eq!(asked(&Method::GET, &headers), Some("bytes=1-"));
        assert_eq!(asked(&Method::HEAD, &headers), None);
    }

    #[test]
    fn every_answer_lies_in_the_file_and_is_never_longer_than_it() {
        let numbers = ["", "0", "1", "4", "5", "6", "9", "18446744073709551615"];
        for size in [0_u64, 1, 5, 6] {
            for (a, b) in numbers.iter().flat_map(|a| numbers.iter().map(move |b| (a, b))) {
                for (c, d) in numbers.iter().flat_map(|c| numbers.iter().map(move |d| (c, d))) {
                    let header = format!("bytes={a}-{b},{c}-{d}");
                    let Wanted::Parts(spans) = wanted(Some(&header), size) else {
                        continue;
                    };
                    assert!(!spans.is_empty());
                    assert!(
                        spans.iter().all(|span| span.first <= span.last && span.last < size),
                        "{header} of {size}"
                    );
                    assert!(
                        spans.iter().map(|span| span.n_bytes()).sum::<u64>() <= size,
                        "{header} of {size}"
                    );
                }
            }
        }
    }
}
