//! One text for both databases: what differs is spelled as a word that starts with a colon.

use sea_orm::{DbBackend, Statement, Value};

use crate::store::Store;

/// A statement whose text may say `:now`, `:later`, `:skip_locked`, `:share`, `:lock` and `:list(n)`.
///
/// `:now` is the database's time on PostgreSQL, never the node's, and the kernel's on SQLite. It takes `$1`, so a text
/// with `:now` numbers its own values from `$2`. `:later` is `:now` for a row's `updated_at`, and later than the one
/// it has even when clocks went back or two changes share a millisecond: watchers order the states of a row by it.
/// `:list(n)` reads the JSON list in `$n`.
pub(super) fn statement<const N: usize>(store: &Store, text: &str, values: [Value; N]) -> Statement {
    let backend = store.backend();
    let timed = text.contains(":now") || text.contains(":later");
    let time = if backend == DbBackend::Sqlite {
        store.clock().now_ms()
    } else {
        store.clock().offset_ms()
    };
    let time = timed.then(|| Value::from(time));
    Statement::from_sql_and_values(backend, dialect(backend, text), time.into_iter().chain(values))
}

/// The text as the database understands it.
pub(super) fn dialect(backend: DbBackend, text: &str) -> String {
    let sqlite = backend == DbBackend::Sqlite;
    let now = if sqlite {
        "$1"
    } else {
        "((extract(epoch from statement_timestamp()) * 1000)::bigint + $1)"
    };
    let greatest = if sqlite { "max" } else { "greatest" };
    // SQLite has one writer, so whoever writes has locked everything.
    let (skip_locked, share, lock) = if sqlite {
        ("", "", "")
    } else {
        ("for update skip locked", "for share", "for update")
    };
    let mut text = text
        .replace(":later", &format!("{greatest}(:now, updated_at + 1)"))
        .replace(":now", now)
        .replace(":skip_locked", skip_locked)
        .replace(":share", share)
        .replace(":lock", lock);
    while let Some(at) = text.find(":list(") {
        let end = at + text[at..].find(')').expect("a list word is closed");
        let parameter = &text[at + 6..end];
        let list = match sqlite {
            true => format!("(select value from json_each(${parameter}))"),
            false => format!("(select value::bigint from json_array_elements_text(${parameter}::json))"),
        };
        text.replace_range(at..=end, &list);
    }
    text
}

/// A JSON list of ids, for `:list(n)`.
pub(super) fn list(ids: impl IntoIterator<Item = i64>) -> Value {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    Value::from(format!("[{}]", ids.join(",")))
}
