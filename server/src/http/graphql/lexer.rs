//! One pass over a document's tokens, before anything is parsed: what is too long or too deep costs nothing more.

use kernel::error::Failure;
use schema::limits;

use crate::codes;

/// The deepest nesting of brackets of all kinds. The parser recurses on them.
const NESTING: usize = 64;

/// Counts tokens, aliases and nesting; an error names the limit that is exceeded. It does not check grammar.
pub fn check(text: &str) -> Result<(), Failure> {
    let too_large = |message: String| Err(Failure::new(&codes::QUERY_TOO_LARGE, message));
    let bytes = text.as_bytes();
    let (mut n_tokens, mut n_aliases, mut nesting, mut parentheses) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => continue,
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
                    .count();
                continue;
            }
            b'"' => at = end_of_string(bytes, begin),
            b'{' | b'[' | b'(' => {
                nesting += 1;
                parentheses += usize::from(byte == b'(');
            }
            b'}' | b']' | b')' => {
                nesting = nesting.saturating_sub(1);
                parentheses = parentheses.saturating_sub(usize::from(byte == b')'));
            }
            // Outside of arguments and variables, a colon always follows an alias.
            b':' if parentheses == 0 => n_aliases += 1,
            b'.' => at += bytes[at..].iter().take(2).take_while(|byte| **byte == b'.').count(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' | b'-' => {
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-');
                at += bytes[at..].iter().take_while(is_part).count();
            }
            _ => {}
        }
        n_tokens += 1;
        if n_tokens > limits::TOKENS {
            return too_large(format!("a document may have {} tokens", limits::TOKENS));
        }
        if n_aliases > limits::ALIASES {
            return too_large(format!("a document may have {} aliases", limits::ALIASES));
        }
        if nesting > NESTING {
            return too_large(format!("a document may nest brackets {NESTING} deep"));
        }
    }
    Ok(())
}

/// Where the string that begins here ends; the end of the text when it is not closed.
fn end_of_string(bytes: &[u8], begin: usize) -> usize {
    if bytes[begin..].starts_with(b"\"\"\"") {
        let mut at = begin + 3;
        while at < bytes.len() {
            if bytes[at..].starts_with(b"\\\"\"\"") {
                at += 4;
            } else if bytes[at..].starts_with(b"\"\"\"") {
                return at + 3;
            } else {
                at += 1;
            }
        }
        return bytes.len();
    }
    let mut at = begin + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            b'\n' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named_when_it_is_exceeded() {
        let message = |text: &str| check(text).expect_err("too large").message;
        assert!(message(&format!("{{ {} }}", "a ".repeat(2_000))).contains("tokens"));
        let aliases: String = (0..31).map(|n| format!("a{n}: b ")).collect();
        assert!(message(&format!("{{ {aliases} }}")).contains("aliases"));
        assert!(message(&"{ a ".repeat(65)).contains("nest"));
        assert!(message(&format!("{{ a(b: {}", "[".repeat(65))).contains("nest"));
    }

    #[test]
    fn strings_comments_and_arguments_count_as_little_as_they_are() {
        let arguments: String = (0..100).map(|n| format!("a{n}: {n}, ")).collect();
        assert!(check(&format!("query($a: Int = 1, $b: [Int]) {{ a({arguments}) }}")).is_ok());
        assert!(check(&format!("{{ a(b: \"{}\") }}", "x: { ".repeat(5_000))).is_ok());
        assert!(check(&format!("{{ a(b: \"\"\" \\\"\"\" {} \"\"\") }}", "x: { ".repeat(5_000))).is_ok());
        assert!(check(&format!("# {}\n{{ a }}", "x: { ".repeat(5_000))).is_ok());
        assert!(check("{ a(b: \"\\\\\") c: d }").is_ok());
    }
}
