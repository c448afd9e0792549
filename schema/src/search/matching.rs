//! A search as conditions: FTS5 on SQLite, a text search vector on PostgreSQL. User text reaches neither engine's
//! syntax: terms are words of letters and digits only, each in quotes.

use sea_orm::{
    DbBackend,
    sea_query::{CaseStatement, Expr, Query, SelectStatement},
};

use crate::search::Term;

/// Where all words of a search occur, from the most to the least relevant.
pub const TIERS: [Tier; 4] = [
    Tier {
        columns: "{title}",
        weights: "A",
    },
    Tier {
        columns: "{title names}",
        weights: "AB",
    },
    Tier {
        columns: "{title names path}",
        weights: "ABC",
    },
    // Without weights: the index does not hold them, and each row would be looked at again.
    Tier {
        columns: "{title names path description}",
        weights: "",
    },
];

/// A set of columns, in the words of both databases.
#[derive(Debug, Clone, Copy)]
pub struct Tier {
    columns: &'static str,
    weights: &'static str,
}

/// The condition that the row of `media_search` in scope holds all wanted terms in the columns of a tier, but not in those of
/// the tier before, and none of the excluded terms anywhere.
pub fn in_tier(terms: &[Term], tier: usize, backend: DbBackend) -> Expr {
    let (wanted, unwanted) = sorted_out(terms);
    let everywhere = TIERS[TIERS.len() - 1];
    let before = tier.checked_sub(1).map(|before| TIERS[before]);
    if backend == DbBackend::Postgres {
        let mut text = vector_query(&wanted, TIERS[tier], " & ");
        if let Some(before) = before {
            text.push_str(&format!(" & !({})", vector_query(&wanted, before, " & ")));
        }
        if !unwanted.is_empty() {
            text.push_str(&format!(" & !({})", vector_query(&unwanted, everywhere, " | ")));
        }
        return matches(text, backend);
    }
    let mut text = fts5_query(&wanted, TIERS[tier], " AND ");
    if let Some(before) = before {
        text = format!("({text}) NOT ({})", fts5_query(&wanted, before, " AND "));
    }
    if !unwanted.is_empty() {
        text = format!("({text}) NOT ({})", fts5_query(&unwanted, everywhere, " OR "));
    }
    matches(text, backend)
}

/// The tier of the row of `media_search` in scope, which a search has found, on PostgreSQL.
pub fn tier_of_found(terms: &[Term]) -> Expr {
    let (wanted, _) = sorted_out(terms);
    let last = TIERS.len() - 1;
    let mut tier = CaseStatement::new();
    for (n, columns) in TIERS[..last].iter().enumerate() {
        let text = vector_query(&wanted, *columns, " & ");
        tier = tier.case(matches(text, DbBackend::Postgres), Expr::cust(n.to_string()));
    }
    tier.finally(Expr::cust(last.to_string())).into()
}

/// The condition that a search finds the row of `media_search` in scope; none when nothing but exclusions is asked for.
pub fn is_found(terms: &[Term], backend: DbBackend) -> Option<Expr> {
    let (wanted, unwanted) = sorted_out(terms);
    let everywhere = TIERS[TIERS.len() - 1];
    if wanted.is_empty() {
        return None;
    }
    let text = match backend {
        DbBackend::Postgres if unwanted.is_empty() => vector_query(&wanted, everywhere, " & "),
        DbBackend::Postgres => {
            let without = vector_query(&unwanted, everywhere, " | ");
            format!("{} & !({without})", vector_query(&wanted, everywhere, " & "))
        }
        _ if unwanted.is_empty() => fts5_query(&wanted, everywhere, " AND "),
        _ => {
            let without = fts5_query(&unwanted, everywhere, " OR ");
            format!("({}) NOT ({without})", fts5_query(&wanted, everywhere, " AND "))
        }
    };
    Some(matches(text, backend))
}

/// The ids of the items that a search finds; none when nothing but exclusions is asked for.
pub fn found(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    is_found(terms, backend).map(|is_found| ids(is_found, backend))
}

/// The ids of the items that a search rules out; none when it rules out nothing.
pub fn ruled_out(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    let (_, unwanted) = sorted_out(terms);
    if unwanted.is_empty() {
        return None;
    }
    let everywhere = TIERS[TIERS.len() - 1];
    let text = match backend {
        DbBackend::Postgres => vector_query(&unwanted, everywhere, " | "),
        _ => fts5_query(&unwanted, everywhere, " OR "),
    };
    Some(ids(matches(text, backend), backend))
}

/// The column of `media_search` that is the item's id.
pub fn id_column(backend: DbBackend) -> Expr {
    let column = if backend == DbBackend::Postgres {
        "media_id"
    } else {
        "rowid"
    };
    Expr::col(("media_search", column))
}

fn ids(matches: Expr, backend: DbBackend) -> SelectStatement {
    let mut select = Query::select();
    select.expr(id_column(backend)).from("media_search").and_where(matches);
    select
}

/// The terms that are wanted, and those that are excluded.
fn sorted_out(terms: &[Term]) -> (Vec<&Term>, Vec<&Term>) {
    terms.iter().partition(|term| !term.is_excluded)
}

/// The condition on the row of `media_search` in scope that a text in the engine's syntax says.
fn matches(text: String, backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => Expr::cust_with_values(r#""media_search"."document" @@ cast($1 as tsquery)"#, [text]),
        _ => Expr::cust_with_values(r#""media_search" match ?"#, [text]),
    }
}

/// Alternatives of a term: its own words, or single words that were probably meant.
fn alternatives(term: &Term) -> impl Iterator<Item = &[String]> {
    let own = term.meant.is_empty().then_some(term.words.as_slice());
    own.into_iter().chain(term.meant.iter().map(std::slice::from_ref))
}

fn fts5_query(terms: &[&Term], tier: Tier, between: &str) -> String {
    let term = |term: &&Term| {
        let star = if term.is_prefix { " *" } else { "" };
        let phrases: Vec<String> = alternatives(term)
            .map(|words| format!("\"{}\"{star}", words.join(" ")))
            .collect();
        format!("({})", phrases.join(" OR "))
    };
    let terms: Vec<String> = terms.iter().map(term).collect();
    format!("{} : ({})", tier.columns, terms.join(between))
}

fn vector_query(terms: &[&Term], tier: Tier, between: &str) -> String {
    let phrase = |words: &[String], is_prefix: bool| {
        let last = words.len() - 1;
        let word = |(place, word): (usize, &String)| {
            let star = if is_prefix && place == last { "*" } else { "" };
            format!("'{word}':{star}{}", tier.weights)
        };
        let words: Vec<String> = words.iter().enumerate().map(word).collect();
        format!("({})", words.join(" <-> "))
    };
    let term = |term: &&Term| {
        let phrases: Vec<String> = alternatives(term).map(|words| phrase(words, term.is_prefix)).collect();
        format!("({})", phrases.join(" | "))
    };
    format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(between))
}
