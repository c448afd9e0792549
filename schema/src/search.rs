//! What people type into a search box: words, "quoted phrases" and -exclusions.

use kernel::error::Failure;
use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::kit::criterion::{escape_like, like};

/// The most words and phrases of a search.
const MAX_TERMS: usize = 20;
/// The longest search text, in bytes.
const MAX_BYTES: usize = 500;

/// A word or phrase that an item must have, or must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The word or phrase.
    pub text: String,
    /// Whether it must not occur.
    pub is_excluded: bool,
}

/// Reads a search text. A quote that is not closed ends with the text.
pub fn parse(text: &str) -> Result<Vec<Term>, Failure> {
    if text.len() > MAX_BYTES {
        return Err(Failure::field("search", format!("longer than {MAX_BYTES} bytes")));
    }
    let mut terms = Vec::new();
    // PostgreSQL refuses a zero byte, and no file name has one.
    let text = text.replace('\0', " ");
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (is_excluded, body) = match rest.strip_prefix('-') {
            Some(body) if !body.is_empty() && !body.starts_with(char::is_whitespace) => (true, body),
            _ => (false, rest),
        };
        let (term, after) = match body.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => body.split_at(body.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(body.len())),
        };
        let term = term.split_whitespace().collect::<Vec<_>>().join(" ");
        if !term.is_empty() {
            terms.push(Term {
                text: term,
                is_excluded,
            });
        }
        rest = after.trim_start();
    }
    if terms.len() > MAX_TERMS {
        return Err(Failure::field("search", format!("more than {MAX_TERMS} words")));
    }
    Ok(terms)
}

/// The condition on `media`: each term occurs in the title, the path, or the name of a tag or person.
pub fn condition(terms: &[Term], backend: DbBackend) -> Condition {
    let mut all = Condition::all();
    for term in terms {
        let pattern = format!("%{}%", escape_like(&term.text));
        let matches = |expr: Expr| like(expr, pattern.clone(), backend);
        let tagged = Query::select()
            .expr(Expr::cust("1"))
            .from_as("media_tag", "mt")
            .inner_join("tag", Expr::col(("tag", "id")).equals(("mt", "tag_id")))
            .and_where(Expr::col(("mt", "media_id")).equals(("media", "id")))
            .and_where(matches(Expr::col(("tag", "name"))))
            .take();
        let credited = Query::select()
            .expr(Expr::cust("1"))
            .from_as("media_person", "mp")
            .inner_join("person", Expr::col(("person", "id")).equals(("mp", "person_id")))
            .and_where(Expr::col(("mp", "media_id")).equals(("media", "id")))
            .and_where(matches(Expr::col(("person", "name"))))
            .take();
        let occurs = Condition::any()
            .add(matches(Expr::col(("media", "title"))))
            .add(matches(Expr::col(("media", "path"))))
            .add(Expr::exists(tagged))
            .add(Expr::exists(credited));
        all = all.add(if term.is_excluded { occurs.not() } else { occurs });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let terms = parse(text).expect("a search");
        let shown: Vec<String> = terms
            .iter()
            .map(|term| format!("{}{}", if term.is_excluded { "-" } else { "" }, term.text))
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        check("lantern -draft \"magic show\"", &["lantern", "-draft", "magic show"]);
        check("-\"a  b\" c-d - e", &["-a b", "c-d", "-", "e"]);
        check("\"open phrase", &["open phrase"]);
        check("a\"b c\"d", &["a", "b c", "d"]);
        check("  \"\" ", &[]);
        assert!(parse(&"a ".repeat(MAX_TERMS + 1)).is_err());
        assert!(parse(&"a".repeat(MAX_BYTES + 1)).is_err());
    }
}
