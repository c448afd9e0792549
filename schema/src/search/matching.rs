//! A search as conditions: FTS5 on SQLite, a text search vector on PostgreSQL. User text reaches neither engine's
//! syntax: terms are words of letters and digits only, each in quotes.

use sea_orm::{
    Condition, DbBackend,
    sea_query::{CaseStatement, Expr, ExprTrait, Func, Order, Query, SelectStatement, SubQueryStatement, UnionType},
};

use crate::search::Term;

/// Where all words of a search occur in what is known of an item, from the most to the least relevant.
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

/// The tier behind those: what only the subtitles say.
pub const SAID: usize = TIERS.len();

/// The one column of `subtitle_search`.
const LINES: Tier = Tier {
    columns: "{lines}",
    weights: "",
};

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
        return matches(OWN, text, backend);
    }
    let mut text = fts5_query(&wanted, TIERS[tier], " AND ");
    if let Some(before) = before {
        text = format!("({text}) NOT ({})", fts5_query(&wanted, before, " AND "));
    }
    if !unwanted.is_empty() {
        text = format!("({text}) NOT ({})", fts5_query(&unwanted, everywhere, " OR "));
    }
    matches(OWN, text, backend)
}

/// The tier of the row of `media_search` in scope, which holds all wanted terms in the last of `tiers` at least, on
/// PostgreSQL.
fn first_of(terms: &[Term], tiers: usize) -> Expr {
    let (wanted, _) = sorted_out(terms);
    let mut tier = CaseStatement::new();
    for (n, columns) in TIERS.iter().take(tiers).enumerate() {
        let text = vector_query(&wanted, *columns, " & ");
        tier = tier.case(matches(OWN, text, DbBackend::Postgres), Expr::cust(n.to_string()));
    }
    tier.finally(Expr::cust(tiers.to_string())).into()
}

/// The tier of the row of `media_search` in scope, by which a search finds the item, on PostgreSQL.
pub fn tier_of_own(terms: &[Term]) -> Expr {
    first_of(terms, TIERS.len() - 1)
}

/// The tier of an item that a search finds by the row of `media_search` in scope or by what its subtitles say, on PostgreSQL.
pub fn tier_of_found(terms: &[Term]) -> Expr {
    first_of(terms, TIERS.len())
}

/// The condition that a search finds the row of `media_search` in scope; none when nothing but exclusions is asked for.
pub fn is_found(terms: &[Term], backend: DbBackend) -> Option<Expr> {
    let (wanted, unwanted) = sorted_out(terms);
    let text = with_and_without(&wanted, &unwanted, TIERS[TIERS.len() - 1], backend)?;
    Some(matches(OWN, text, backend))
}

/// The condition that a search finds the row of `subtitle_search` in scope, and that what is known of the item does not rule it
/// out; none when nothing but exclusions is asked for.
pub fn is_said(terms: &[Term], backend: DbBackend) -> Option<Expr> {
    let (wanted, unwanted) = sorted_out(terms);
    let is_said = matches(
        SUBTITLES,
        with_and_without(&wanted, &unwanted, LINES, backend)?,
        backend,
    );
    Some(match ruled_out(terms, backend) {
        Some(ids) => is_said.and(not_among(id_of(SUBTITLES, backend), ids, id_of(OWN, backend), backend)),
        None => is_said,
    })
}

/// The condition that a search finds the item of an id, on PostgreSQL; none when nothing but exclusions is asked for. It is one
/// of subselects, which the planner neither joins nor makes lists of: a walk that ends soon would wait for them.
pub fn is_found_at(id: &Expr, terms: &[Term]) -> Option<Condition> {
    const BACKEND: DbBackend = DbBackend::Postgres;
    let (wanted, unwanted) = sorted_out(terms);
    let is_said = holds(SUBTITLES, id, with_and_without(&wanted, &unwanted, LINES, BACKEND)?);
    let is_ruled_out = || holds(OWN, id, any_of(&unwanted, TIERS[TIERS.len() - 1], BACKEND));
    let said = Condition::all()
        .add(is_said)
        .add_option((!unwanted.is_empty()).then(|| is_ruled_out().not()));
    Some(Condition::any().add(is_known_at(id, terms)?).add(said))
}

/// The condition that a search finds the item of an id by what is known of it, on PostgreSQL; none when nothing but exclusions
/// is asked for.
pub fn is_known_at(id: &Expr, terms: &[Term]) -> Option<Expr> {
    let (wanted, unwanted) = sorted_out(terms);
    let text = with_and_without(&wanted, &unwanted, TIERS[TIERS.len() - 1], DbBackend::Postgres)?;
    Some(holds(OWN, id, text))
}

/// The condition that the row of an item in an index is what a text in PostgreSQL's syntax says.
fn holds(index: &'static str, id: &Expr, text: String) -> Expr {
    let row = Query::select()
        .expr(matches(index, text, DbBackend::Postgres))
        .from(index)
        .and_where(id_of(index, DbBackend::Postgres).eq(id.clone()))
        .take();
    Func::coalesce([SubQueryStatement::from(row).into(), Expr::val(false)]).into()
}

/// The ids of the items that a search finds; none when nothing but exclusions is asked for.
pub fn found(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    Some(either(own(terms, backend)?, said(terms, backend)?, backend))
}

/// The same of these items only.
pub fn found_among(terms: &[Term], among: &[i64], backend: DbBackend) -> Option<SelectStatement> {
    let of = |index| id_of(index, backend).is_in(among.iter().copied());
    let own = own(terms, backend)?.and_where(of(OWN)).take();
    let said = ids(SUBTITLES, is_said(terms, backend)?.and(of(SUBTITLES)), backend);
    Some(either(own, said, backend))
}

fn either(own: SelectStatement, said: SelectStatement, backend: DbBackend) -> SelectStatement {
    let mut found = own;
    found.union(UnionType::Distinct, said);
    if backend == DbBackend::Sqlite {
        // Both come in this order: SQLite merges them, where it would otherwise make an index of all.
        found.order_by("id", Order::Asc);
    }
    found
}

/// The ids, in `said` on PostgreSQL, of the items that a search finds by what their subtitles say; none when nothing but
/// exclusions is asked for.
pub fn said(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    if backend == DbBackend::Sqlite {
        return Some(ids(SUBTITLES, is_said(terms, backend)?, backend));
    }
    let (wanted, unwanted) = sorted_out(terms);
    let text = with_and_without(&wanted, &unwanted, LINES, backend)?;
    let find = Func::cust("subtitle_search_find").arg(Expr::cust_with_values("cast($1 as tsquery)", [text]));
    let id = Expr::col(("said", "id"));
    let mut said = Query::select();
    said.expr(id.clone()).from_function(find, "said");
    if let Some(ruled_out) = ruled_out(terms, backend) {
        said.and_where(not_among(id, ruled_out, id_of(OWN, backend), backend));
    }
    Some(said)
}

/// The ids of the items that a search finds by what is known of them; none when nothing but exclusions is asked for.
pub fn own(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    is_found(terms, backend).map(|is_found| ids(OWN, is_found, backend))
}

/// The ids of the items that a search rules out; none when it rules out nothing. What is said in an item rules out nothing but
/// what is found by it.
pub fn ruled_out(terms: &[Term], backend: DbBackend) -> Option<SelectStatement> {
    let (_, unwanted) = sorted_out(terms);
    if unwanted.is_empty() {
        return None;
    }
    let text = any_of(&unwanted, TIERS[TIERS.len() - 1], backend);
    Some(ids(OWN, matches(OWN, text, backend), backend))
}

/// The index of what is known of items.
pub const OWN: &str = "media_search";
/// The index of what subtitles say.
pub const SUBTITLES: &str = "subtitle_search";

/// The column of an index that is the item's id.
pub fn id_of(index: &'static str, backend: DbBackend) -> Expr {
    let column = if backend == DbBackend::Postgres {
        "media_id"
    } else {
        "rowid"
    };
    Expr::col((index, column))
}

/// The condition that a list of ids does not hold an id. A long list of what is not in it PostgreSQL looks through for each row;
/// rows that do not exist it joins.
pub fn not_among(id: Expr, ids: SelectStatement, of_list: Expr, backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => {
            let mut ids = ids;
            Expr::exists(ids.and_where(of_list.eq(id)).take()).not()
        }
        _ => id.not_in_subquery(ids),
    }
}

fn ids(index: &'static str, matches: Expr, backend: DbBackend) -> SelectStatement {
    let mut select = Query::select();
    select
        .expr_as(id_of(index, backend), "id")
        .from(index)
        .and_where(matches)
        .take()
}

/// The terms that are wanted, and those that are excluded.
fn sorted_out(terms: &[Term]) -> (Vec<&Term>, Vec<&Term>) {
    terms.iter().partition(|term| !term.is_excluded)
}

/// The condition on the row of an index in scope that a text in the engine's syntax says.
fn matches(index: &'static str, text: String, backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => {
            Expr::cust_with_values(format!(r#""{index}"."document" @@ cast($1 as tsquery)"#), [text])
        }
        _ => Expr::cust_with_values(format!(r#""{index}" match ?"#), [text]),
    }
}

/// All of the wanted terms and none of the unwanted ones; none when none is wanted.
fn with_and_without(wanted: &[&Term], unwanted: &[&Term], tier: Tier, backend: DbBackend) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let all = all_of(wanted, tier, backend);
    if unwanted.is_empty() {
        return Some(all);
    }
    let without = any_of(unwanted, tier, backend);
    Some(match backend {
        DbBackend::Postgres => format!("{all} & !({without})"),
        _ => format!("({all}) NOT ({without})"),
    })
}

fn all_of(terms: &[&Term], tier: Tier, backend: DbBackend) -> String {
    match backend {
        DbBackend::Postgres => vector_query(terms, tier, " & "),
        _ => fts5_query(terms, tier, " AND "),
    }
}

fn any_of(terms: &[&Term], tier: Tier, backend: DbBackend) -> String {
    match backend {
        DbBackend::Postgres => vector_query(terms, tier, " | "),
        _ => fts5_query(terms, tier, " OR "),
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
