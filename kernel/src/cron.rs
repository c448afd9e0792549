//! Patterns of times: five fields as in cron, or six with seconds first; in UTC.

use std::str::FromStr;

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

/// A pattern that can be read.
#[derive(Debug, Clone)]
pub struct Pattern(Cron);

impl Pattern {
    /// Reads a pattern; what is wrong with it is said for people.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        Cron::from_str(text).map(Self).map_err(|error| error.to_string())
    }

    /// The first of its times after another, both in UTC milliseconds; none if it has no more.
    pub fn next_after(&self, at_ms: i64) -> Option<i64> {
        let at = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(TimeZone::UTC);
        let next = self.0.find_next_occurrence(&at, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }

    /// The last of its times that is not after another, both in UTC milliseconds.
    pub fn last_until(&self, at_ms: i64) -> Option<i64> {
        let at = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(TimeZone::UTC);
        let last = self.0.find_previous_occurrence(&at, true).ok()?;
        Some(last.timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn times_are_those_of_the_pattern_in_utc() {
        let noon = 1_795_262_400_000;
        let quarter = Pattern::parse("*/15 * * * *").expect("a pattern");
        assert_eq!(quarter.next_after(noon), Some(noon + 15 * 60_000));
        assert_eq!(quarter.last_until(noon), Some(noon));
        assert_eq!(quarter.last_until(noon - 1), Some(noon - 15 * 60_000));
        assert!(Pattern::parse("not a pattern").is_err());
    }
}
