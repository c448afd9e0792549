//! What the program says, read as what a stranger says: numbers of bytes, a title, and why it failed.

/// The longest title that is kept, in characters.
const MAX_TITLE: usize = 200;
/// The longest reason that is told, in characters.
const MAX_REASON: usize = 300;

/// What has been heard so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The title of what is fetched.
    pub title: Option<String>,
    /// The last error.
    pub error: Option<String>,
    /// Bytes of files before the present one.
    before: u64,
    /// Bytes of the present file.
    done: u64,
    total: u64,
}

impl Heard {
    /// A line of standard output; true if it said how far it is.
    pub fn out(&mut self, line: &str) -> bool {
        if let Some(title) = line.strip_prefix("vitagraph-title ") {
            let title: Option<String> = serde_json::from_str(title).ok();
            self.title = title.map(|title| title.chars().take(MAX_TITLE).collect());
            return false;
        }
        let Some(numbers) = line.strip_prefix("vitagraph-bytes ") else {
            return false;
        };
        // Estimates have a fraction.
        let number = |text: &str| text.split('.').next().and_then(|whole| whole.parse::<u64>().ok());
        let mut words = numbers.split_ascii_whitespace();
        let Some(done) = words.next().and_then(number) else {
            return false;
        };
        if done < self.done {
            // Pictures and sound often come as two files.
            self.before = self.before.saturating_add(self.done);
        }
        self.done = done;
        self.total = words.next().and_then(number).unwrap_or(0).max(done);
        true
    }

    /// A line of standard error.
    pub fn error(&mut self, line: &str) {
        if let Some(reason) = line.trim().strip_prefix("ERROR:") {
            self.error = Some(told(reason));
        } else if self.error.is_none() && !line.trim().is_empty() {
            self.error = Some(told(line));
        }
    }

    /// Bytes that have come, of all files.
    pub fn n_bytes(&self) -> u64 {
        self.before.saturating_add(self.done)
    }

    /// Bytes there are, as far as that is known.
    pub fn total(&self) -> u64 {
        self.before.saturating_add(self.total)
    }
}

/// What may be shown of a reason: one line without the addresses that are in it, which may hold secrets.
fn told(reason: &str) -> String {
    let words = reason.split_whitespace().map(|word| match word.find("://") {
        Some(at) => {
            let host = word[at + 3..].split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            format!(
                "{}://{}",
                &word[..at],
                host.trim_end_matches(['\'', '"', ')', ',', ';'])
            )
        }
        None => word.to_owned(),
    });
    let text: String = words.collect::<Vec<_>>().join(" ");
    let safe = text.chars().filter(|letter| !letter.is_control());
    safe.take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_several_files_are_added_up() {
        let mut heard = Heard::default();
        assert!(heard.out("vitagraph-bytes 10 100"));
        assert!(heard.out("vitagraph-bytes 100 100.5"));
        assert_eq!((heard.n_bytes(), heard.total()), (100, 100));
        assert!(heard.out("vitagraph-bytes 5 0"));
        assert_eq!((heard.n_bytes(), heard.total()), (105, 105));
        for odd in [
            "vitagraph-bytes",
            "vitagraph-bytes x 1",
            "vitagraph-bytes -1 1",
            "[download] 5 %",
            "",
        ] {
            assert!(!heard.out(odd), "{odd}");
        }
        assert_eq!(heard.n_bytes(), 105);
        heard.out("vitagraph-bytes 18446744073709551615 1");
        heard.out("vitagraph-bytes 1 18446744073709551615");
        assert_eq!(heard.total(), u64::MAX);
    }

    #[test]
    fn titles_and_reasons_are_words_and_no_more() {
        let mut heard = Heard::default();
        heard.out(r#"vitagraph-title "a\nb ../\u202e""#);
        assert_eq!(heard.title.as_deref(), Some("a\nb ../\u{202e}"));
        heard.out(&format!("vitagraph-title \"{}\"", "x".repeat(1000)));
        assert_eq!(heard.title.as_ref().map(String::len), Some(MAX_TITLE));
        heard.error("WARNING: something");
        heard.error("ERROR: [generic] Unsupported URL: https://ann:hunter2@example.org:8/a?token=hunter3\u{7} (caused by \"http://b/c\")");
        heard.error("WARNING: more");
        let error = heard.error.expect("a reason");
        assert_eq!(
            error,
            "[generic] Unsupported URL: https://example.org:8 (caused by \"http://b"
        );
        assert!(!error.contains("hunter"));
    }
}
