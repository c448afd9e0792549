//! Which libraries an account sees and may change. An account that is not limited has all, those to come included; one that
//! is has what was granted, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use entities::{
    id::{LibraryId, UserId},
    library, library_grant, user,
    user::Role,
};
use kernel::{error::Failure, store::Tx};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Value},
};

use crate::kit::libraries::Libraries;

/// The libraries that are granted, each with whether its items may be changed.
pub type Granted = BTreeMap<LibraryId, bool>;

/// The most libraries of one account: they are listed whole.
pub const MAX_GRANTS: usize = 1_000;

/// What an account sees, and what it edits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The libraries that are there for it.
    pub sees: Libraries,
    /// Those whose items it may change.
    pub edits: Libraries,
}

impl Reach {
    /// That of a limited account.
    pub fn of(granted: &Granted) -> Self {
        let edited = granted.iter().filter(|(_, may_edit)| **may_edit);
        Self {
            sees: Libraries::Only(granted.keys().copied().collect()),
            edits: Libraries::Only(edited.map(|(library, _)| *library).collect()),
        }
    }
}

/// A column of a statement over `"user"`: the grants of a limited account as text for [`read_off`], absent for others.
pub fn column(backend: DbBackend) -> Expr {
    let gather = match backend {
        DbBackend::Postgres => "string_agg",
        _ => "group_concat",
    };
    Expr::cust(format!(
        r#"case when "user".is_limited then coalesce((select {gather}(cast(library_id as text) || ':' ||
            cast(cast(may_edit as integer) as text), ',') from library_grant where user_id = "user".id), '') end"#
    ))
}

/// What the text of [`column`] says.
pub fn read_off(text: Option<&str>) -> Reach {
    let Some(text) = text else { return Reach::default() };
    let grant = |part: &str| {
        let (library, may_edit) = part.split_once(':')?;
        Some((LibraryId(library.parse().ok()?), may_edit == "1"))
    };
    Reach::of(&text.split(',').filter_map(grant).collect())
}

/// The reach of an account.
///
/// # Errors
/// When the database fails.
pub async fn reach(db: &impl ConnectionTrait, user: &user::Model) -> Result<Reach, DbErr> {
    match user.is_limited {
        false => Ok(Reach::default()),
        true => Ok(Reach::of(&granted(db, user.id).await?)),
    }
}

/// What is granted to a limited account.
///
/// # Errors
/// When the database fails.
pub async fn granted(db: &impl ConnectionTrait, user: UserId) -> Result<Granted, DbErr> {
    let rows = library_grant::Entity::find().filter(library_grant::Column::UserId.eq(user));
    let rows = rows.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.library_id, row.may_edit)).collect())
}

/// Grants an account these libraries and no others; without any list all.
///
/// # Errors
/// It is an administrator, a library does not exist, they are too many, or the database fails.
pub async fn set(tx: &Tx, user: &user::Model, granted: Option<&Granted>) -> Result<(), Failure> {
    let path = "input.libraryAccess";
    if granted.is_some() && user.role == Role::Admin {
        return Err(Failure::field(path, "an administrator sees all libraries"));
    }
    if granted.is_some_and(|granted| granted.len() > MAX_GRANTS) {
        return Err(Failure::field(path, format!("at most {MAX_GRANTS} libraries")));
    }
    let update = user::Entity::update_many().filter(user::Column::Id.eq(user.id));
    let is_limited = Expr::val(Value::from(granted.is_some()));
    update.col_expr(user::Column::IsLimited, is_limited).exec(&**tx).await?;
    let old = library_grant::Entity::delete_many().filter(library_grant::Column::UserId.eq(user.id));
    old.exec(&**tx).await?;
    let Some(granted) = granted.filter(|granted| !granted.is_empty()) else {
        return Ok(());
    };
    let known = library::Entity::find().filter(library::Column::Id.is_in(granted.keys().copied()));
    let known: Vec<LibraryId> = known
        .select_only()
        .column(library::Column::Id)
        .into_tuple()
        .all(&**tx)
        .await?;
    let known: BTreeSet<LibraryId> = known.into_iter().collect();
    if let Some(library) = granted.keys().find(|library| !known.contains(library)) {
        return Err(Failure::field(path, format!("no library `{library}`")));
    }
    let rows = granted.iter().map(|(library, may_edit)| library_grant::ActiveModel {
        user_id: Set(user.id),
        library_id: Set(*library),
        may_edit: Set(*may_edit),
    });
    library_grant::Entity::insert_many(rows)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_off_and_nothing_is_not_everything() {
        assert_eq!(read_off(None), Reach::default());
        assert_eq!(read_off(Some("")), Reach::of(&Granted::new()));
        let reach = read_off(Some("7:1,8:0"));
        assert!(reach.sees.has(LibraryId(7)) && reach.sees.has(LibraryId(8)) && !reach.sees.has(LibraryId(9)));
        assert!(reach.edits.has(LibraryId(7)) && !reach.edits.has(LibraryId(8)));
    }
}
