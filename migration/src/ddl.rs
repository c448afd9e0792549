//! One text of DDL for both databases: written with PostgreSQL's type words, translated for SQLite's strict tables.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::SchemaManager;

/// Runs statements separated by `;`. On SQLite the type words `bigint`, `boolean`, `bytea` and `double precision`
/// become the storage classes they stand for, and every table becomes strict.
pub async fn apply(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let backend = manager.get_database_backend();
    for statement in statements
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        connection.execute_unprepared(&translate(statement, backend)).await?;
    }
    Ok(())
}

fn translate(statement: &str, backend: DbBackend) -> String {
    if backend != DbBackend::Sqlite {
        return statement.to_owned();
    }
    let mut text = String::with_capacity(statement.len() + 8);
    let mut word = String::new();
    for character in statement.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        text.push_str(match word.as_str() {
            "bigint" | "boolean" => "integer",
            "bytea" => "blob",
            "double" => "real",
            // The second half of "double precision".
            "precision" => "",
            other => other,
        });
        word.clear();
        text.push(character);
    }
    let mut text = text.trim_end().to_owned();
    if text.starts_with("create table") {
        text.push_str(" strict");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_words_become_storage_classes_and_names_stay() {
        let ddl = "create table a (bigint_id bigint not null, b boolean, c bytea, d double precision)";
        let sqlite = "create table a (bigint_id integer not null, b integer, c blob, d real ) strict";
        assert_eq!(translate(ddl, DbBackend::Sqlite), sqlite);
        assert_eq!(translate(ddl, DbBackend::Postgres), ddl);
    }
}
