//! Places in a list that somebody orders by hand: texts between any two of which there is room, so that moving an item
//! changes that item alone.
//!
//! A place is a whole number and perhaps a fraction, in lower-case letters and digits, so that every collation sorts it
//! as bytes. The first letter says how many digits the number has: `n` one, `o` two, and downward from `m` for what is
//! before the first. Adding at either end counts on, so that keys stay short.

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A place between two others, of which either may be absent: the ends of the list.
pub fn between(after: Option<&str>, before: Option<&str>) -> String {
    match (after, before) {
        (None, None) => "n0".to_owned(),
        (None, Some(before)) => {
            let (whole, fraction) = split(before);
            if fraction.is_empty() {
                counted_down(whole)
            } else {
                whole.to_owned()
            }
        }
        (Some(after), None) => counted_up(split(after).0),
        (Some(after), Some(before)) => {
            let ((low, low_fraction), (high, high_fraction)) = (split(after), split(before));
            if low == high {
                return format!(
                    "{low}{}",
                    middle(low_fraction.as_bytes(), Some(high_fraction.as_bytes()))
                );
            }
            let next = counted_up(low);
            if next.as_str() < before {
                next
            } else {
                format!("{low}{}", middle(low_fraction.as_bytes(), None))
            }
        }
    }
}

/// So many places between two others, in order.
pub fn spread(after: Option<&str>, before: Option<&str>, n: usize) -> Vec<String> {
    if n == 0 {
        return Vec::new();
    }
    if before.is_none() {
        let mut places: Vec<String> = Vec::with_capacity(n);
        for _ in 0..n {
            places.push(between(places.last().map(String::as_str).or(after), None));
        }
        return places;
    }
    // Halving keeps the keys short however many there are.
    let half = n / 2;
    let place = between(after, before);
    let mut places = spread(after, Some(&place), half);
    let rest = spread(Some(&place), before, n - half - 1);
    places.push(place);
    places.extend(rest);
    places
}

/// The whole number and the fraction.
fn split(place: &str) -> (&str, &str) {
    let n_digits = match place.bytes().next() {
        Some(head @ b'n'..=b'z') => usize::from(head - b'n') + 1,
        Some(head @ b'a'..=b'm') => usize::from(b'm' - head) + 1,
        _ => 0,
    };
    place.split_at((n_digits + 1).min(place.len()))
}

fn counted_up(whole: &str) -> String {
    let (head, mut digits) = parts(whole);
    for digit in digits.iter_mut().rev() {
        match index(*digit) {
            35 => *digit = b'0',
            at => {
                *digit = DIGITS[at + 1];
                return text(head, &digits);
            }
        }
    }
    match head {
        // The greatest negative number of so many digits is followed by one with fewer.
        b'm' => "n0".to_owned(),
        b'a'..=b'l' => text(head + 1, &digits[1..]),
        _ => text(head + 1, &[&[b'0'], &digits[..]].concat()),
    }
}

fn counted_down(whole: &str) -> String {
    let (head, mut digits) = parts(whole);
    for digit in digits.iter_mut().rev() {
        match index(*digit) {
            0 => *digit = b'z',
            at => {
                *digit = DIGITS[at - 1];
                return text(head, &digits);
            }
        }
    }
    match head {
        b'n' => "mz".to_owned(),
        b'o'..=b'z' => text(head - 1, &digits[1..]),
        _ => text(head - 1, &[&[b'z'], &digits[..]].concat()),
    }
}

fn parts(whole: &str) -> (u8, Vec<u8>) {
    let bytes = whole.as_bytes();
    (
        bytes.first().copied().unwrap_or(b'n'),
        bytes.get(1..).unwrap_or_default().to_vec(),
    )
}

fn text(head: u8, digits: &[u8]) -> String {
    std::iter::once(head)
        .chain(digits.iter().copied())
        .map(char::from)
        .collect()
}

fn index(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).unwrap_or(0)
}

/// A fraction between two; it never ends with a zero, so that there is always room before it.
fn middle(low: &[u8], high: Option<&[u8]>) -> String {
    if let Some(high) = high {
        let same = high
            .iter()
            .enumerate()
            .take_while(|(at, digit)| low.get(*at).unwrap_or(&b'0') == *digit)
            .count();
        if same > 0 && same < high.len() {
            let head: String = high[..same].iter().copied().map(char::from).collect();
            return format!(
                "{head}{}",
                middle(low.get(same..).unwrap_or_default(), Some(&high[same..]))
            );
        }
    }
    let from = low.first().map_or(0, |digit| index(*digit));
    let to = high.and_then(|high| high.first()).map_or(36, |digit| index(*digit));
    if to > from + 1 {
        return char::from(DIGITS[(from + to) / 2]).to_string();
    }
    match high {
        Some(high) if high.len() > 1 => char::from(high[0]).to_string(),
        _ => format!(
            "{}{}",
            char::from(DIGITS[from]),
            middle(low.get(1..).unwrap_or_default(), None)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_everywhere_and_keys_stay_short() {
        // Counting on at both ends.
        let mut list = vec![between(None, None)];
        for _ in 0..3_000 {
            list.push(between(list.last().map(String::as_str), None));
            list.insert(0, between(None, list.first().map(String::as_str)));
        }
        assert!(
            list.windows(2).all(|pair| pair[0] < pair[1]),
            "counting keeps the order"
        );
        assert!(
            list.iter().all(|place| place.len() <= 4),
            "{:?}",
            list.iter().max_by_key(|place| place.len())
        );
        // Anywhere, again and again; the place is picked by a small generator.
        let mut state = 7usize;
        for _ in 0..3_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) % (list.len() - 1);
            let place = between(Some(&list[at]), Some(&list[at + 1]));
            assert!(
                list[at] < place && place < list[at + 1],
                "{} {place} {}",
                list[at],
                list[at + 1]
            );
            list.insert(at + 1, place);
        }
        // Always in front of the same item.
        let (first, last) = ("n0".to_owned(), "n1".to_owned());
        let mut before = last.clone();
        for _ in 0..500 {
            let place = between(Some(&first), Some(&before));
            assert!(first < place && place < before, "{place}");
            before = place;
        }
        // Always behind the same item.
        let mut after = first;
        for _ in 0..500 {
            let place = between(Some(&after), Some(&last));
            assert!(after < place && place < last, "{place}");
            after = place;
        }
        for n in [0, 1, 2, 7, 1_000] {
            let places = spread(Some("n0"), Some("n1"), n);
            assert_eq!(places.len(), n);
            let all: Vec<&str> = std::iter::once("n0")
                .chain(places.iter().map(String::as_str))
                .chain(["n1"])
                .collect();
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
            assert!(places.iter().all(|place| place.len() < 8));
        }
    }
}
