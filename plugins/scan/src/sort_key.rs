//! The natural-order key of a title or a name.

/// A key whose plain text order is the order people expect: without regard to case, and numbers by their value.
///
/// A run of digits gets its length in front, so that `9` (as `19`) sorts before `10` (as `210`).
pub fn sort_key(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let mut key = String::with_capacity(lower.len() + 4);
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        if !first.is_ascii_digit() {
            key.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[..end].trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        match digits.len() {
            n @ 1..9 => key.push_str(&n.to_string()),
            n => key.push_str(&format!("9{:02}", n.min(99))),
        }
        key.push_str(digits);
        rest = &rest[end..];
    }
    key
}
