//! Texts that rows keep: names that people give, and the keys by which they sort.

use kernel::error::Failure;

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest description, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The natural-order key of a text: letters in lower case, each number led by its length, so that 2 is before 10.
pub fn natural_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 8);
    let mut digits = String::new();
    for character in text.trim().chars().flat_map(char::to_lowercase) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        push_number(&mut key, &mut digits);
        key.push(character);
    }
    push_number(&mut key, &mut digits);
    key
}

fn push_number(key: &mut String, digits: &mut String) {
    if digits.is_empty() {
        return;
    }
    let number = match digits.trim_start_matches('0') {
        "" => "0",
        number => number,
    };
    match number.len() {
        length @ 1..9 => key.push_str(&length.to_string()),
        length => key.push_str(&format!("9{:02}", length.min(99))),
    }
    key.push_str(number);
    digits.clear();
}

/// A name without outer spaces and with single inner ones, or an error that names the field.
pub fn name(text: &str, path: &str) -> Result<String, Failure> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Failure::field(path, "must not be empty"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(Failure::field(path, format!("longer than {MAX_NAME} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Failure::field(path, "must not have control characters"));
    }
    Ok(name)
}

/// Several names without repetition.
pub fn names(texts: &[String], path: &str) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let name = name(text, &format!("{path}[{index}]"))?;
        if !names.iter().any(|known| known.to_lowercase() == name.to_lowercase()) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A long text; an empty one is none.
pub fn long(text: &str, path: &str) -> Result<Option<String>, Failure> {
    if text.len() > MAX_TEXT {
        return Err(Failure::field(path, format!("longer than {MAX_TEXT} bytes")));
    }
    // PostgreSQL refuses a zero byte in text.
    let text = text.replace('\0', "");
    Ok((!text.trim().is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_value_and_case_does_not_matter() {
        let mut titles = ["Part 10", "part 2", "Part 010b", "Part 1", "part", "Pärt 3", "part 0"];
        titles.sort_by_key(|title| natural_key(title));
        assert_eq!(
            titles,
            ["part", "part 0", "Part 1", "part 2", "Part 10", "Part 010b", "Pärt 3"]
        );
    }

    #[test]
    fn names_are_cleaned_and_bounded() {
        assert_eq!(name("  a \t b ", "input.name").expect("a name"), "a b");
        for bad in ["", "   ", &"x".repeat(201), "a\u{7}"] {
            assert!(name(bad, "input.name").is_err(), "{bad:?}");
        }
        assert_eq!(
            names(&["A".into(), "a".into(), "b".into()], "input.aliases").expect("names"),
            ["A", "b"]
        );
    }
}
