//! The criteria that filters are built from: each is a plain input, and each becomes one condition on one value.
//!
//! All operators of a criterion hold together. A comparison is false, never unknown, where the value is absent, so that
//! `not` is always the complement. What nothing can fulfill is refused before it becomes SQL.

mod contradiction;

use async_graphql::InputObject;
use kernel::error::Failure;
use sea_orm::{
    Condition, DbBackend,
    sea_query::{BinOper, Expr, ExprTrait, LikeExpr},
};

use self::contradiction::Said;
use crate::kit::scalar::{Bytes, Date, DateTime, Seconds};

/// The longest text of a criterion, in bytes.
const MAX_TEXT: usize = 4096;
/// The most values in one list.
const MAX_VALUES: usize = 1_000;

/// A value in SQL that a criterion is about.
#[derive(Debug, Clone)]
pub struct Subject {
    expr: Expr,
    is_nullable: bool,
}

impl Subject {
    /// A value that every row has.
    pub fn present(expr: Expr) -> Self {
        Self {
            expr,
            is_nullable: false,
        }
    }

    /// A value that rows may lack.
    pub fn nullable(expr: Expr) -> Self {
        Self {
            expr,
            is_nullable: true,
        }
    }

    fn holds(&self, comparison: Expr) -> Condition {
        let condition = Condition::all();
        let condition = if self.is_nullable {
            condition.add(self.expr.clone().is_not_null())
        } else {
            condition
        };
        condition.add(comparison)
    }

    fn is_absent(&self, wanted: bool) -> Expr {
        match (self.is_nullable, wanted) {
            (true, true) => self.expr.clone().is_null(),
            (true, false) => self.expr.clone().is_not_null(),
            (false, wanted) => Expr::val(1).eq(i32::from(!wanted)),
        }
    }
}

macro_rules! ordered {
    ($(#[$doc:meta])* $name:ident, $range:ident, $type:ty, $raw:ty, $of:literal, $value:expr) => {
        #[doc = concat!("From one ", $of, " to another, both included.")]
        #[derive(Debug, Clone, InputObject)]
        pub struct $range {
            /// The least.
            pub from: $type,
            /// The greatest.
            pub to: $type,
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Default, InputObject)]
        pub struct $name {
            /// Equal to this.
            pub eq: Option<$type>,
            /// Not equal to this, or absent.
            pub ne: Option<$type>,
            /// One of these; an empty list is refused.
            #[graphql(name = "in")]
            pub is_in: Option<Vec<$type>>,
            /// None of these, or absent.
            pub not_in: Option<Vec<$type>>,
            /// Greater than this.
            pub gt: Option<$type>,
            /// Greater than or equal to this.
            pub gte: Option<$type>,
            /// Less than this.
            pub lt: Option<$type>,
            /// Less than or equal to this.
            pub lte: Option<$type>,
            /// Between two values, both included.
            pub between: Option<$range>,
            /// Whether the value is absent.
            pub is_null: Option<bool>,
        }

        impl $name {
            /// Refuses what nothing can fulfill, and lists that are too long. `path` is where it stands in the input.
            pub fn check(&self, path: &str) -> Result<(), Failure> {
                let value = $value;
                let list = |list: &Option<Vec<$type>>| list.as_ref().map(|list| list.iter().map(value).collect());
                for (list, operator) in [(&self.is_in, "in"), (&self.not_in, "notIn")] {
                    check_length(list, path, operator)?;
                }
                let said = Said {
                    eq: self.eq.as_ref().map(value),
                    ne: self.ne.as_ref().map(value),
                    is_in: list(&self.is_in),
                    not_in: list(&self.not_in),
                    gt: self.gt.as_ref().map(value),
                    gte: self.gte.as_ref().map(value),
                    lt: self.lt.as_ref().map(value),
                    lte: self.lte.as_ref().map(value),
                    between: self.between.as_ref().map(|range| (value(&range.from), value(&range.to))),
                    is_null: self.is_null,
                    needs_value: false,
                };
                said.check(path)
            }

            /// The condition on a value.
            pub fn condition(&self, subject: &Subject) -> Condition {
                let value = $value;
                let expr = || subject.expr.clone();
                let mut all = Condition::all();
                let comparisons = [
                    self.eq.as_ref().map(|other| expr().eq(value(other))),
                    self.gt.as_ref().map(|other| expr().gt(value(other))),
                    self.gte.as_ref().map(|other| expr().gte(value(other))),
                    self.lt.as_ref().map(|other| expr().lt(value(other))),
                    self.lte.as_ref().map(|other| expr().lte(value(other))),
                    self.between.as_ref().map(|range| expr().between(value(&range.from), value(&range.to))),
                    self.is_in.as_ref().map(|others| expr().is_in(others.iter().map(value))),
                ];
                for comparison in comparisons.into_iter().flatten() {
                    all = all.add(subject.holds(comparison));
                }
                if let Some(other) = &self.ne {
                    all = all.add(subject.holds(expr().eq(value(other))).not());
                }
                if let Some(others) = &self.not_in {
                    all = all.add(subject.holds(expr().is_in(others.iter().map(value))).not());
                }
                if let Some(wanted) = self.is_null {
                    all = all.add(subject.is_absent(wanted));
                }
                all
            }

            /// Whether it holds for a value in memory, as the condition does for one in a row.
            pub fn holds(&self, held: Option<&$raw>) -> bool {
                let value = $value;
                let is = |other: &Option<$type>, test: fn(&$raw, &$raw) -> bool| {
                    other.as_ref().is_none_or(|other| held.is_some_and(|held| test(held, &value(other))))
                };
                let is_one = |others: &Vec<$type>| held.is_some_and(|held| others.iter().any(|other| *held == value(other)));
                is(&self.eq, |held, other| held == other)
                    && is(&self.gt, |held, other| held > other)
                    && is(&self.gte, |held, other| held >= other)
                    && is(&self.lt, |held, other| held < other)
                    && is(&self.lte, |held, other| held <= other)
                    && self.between.as_ref().is_none_or(|range| {
                        held.is_some_and(|held| *held >= value(&range.from) && *held <= value(&range.to))
                    })
                    && self.is_in.as_ref().is_none_or(is_one)
                    && self.ne.as_ref().is_none_or(|other| held.is_none_or(|held| *held != value(other)))
                    && self.not_in.as_ref().is_none_or(|others| !is_one(others))
                    && self.is_null.is_none_or(|wanted| held.is_none() == wanted)
            }

            /// The length of its longest list.
            pub fn n_values(&self) -> usize {
                let lists = [&self.is_in, &self.not_in];
                lists.into_iter().flatten().map(Vec::len).max().unwrap_or(0)
            }
        }
    };
}

ordered! {
    /// A condition on a whole number.
    IntCriterion, IntRange, i32, i32, "number", |value: &i32| *value
}
ordered! {
    /// A condition on a duration or a position.
    SecondsCriterion, SecondsRange, Seconds, i64, "duration", |value: &Seconds| value.as_us()
}
ordered! {
    /// A condition on a size in bytes.
    BytesCriterion, BytesRange, Bytes, i64, "size", |value: &Bytes| value.0
}
ordered! {
    /// A condition on a moment.
    DateTimeCriterion, DateTimeRange, DateTime, i64, "moment", |value: &DateTime| value.0
}
ordered! {
    /// A condition on a day.
    DateCriterion, DateRange, Date, String, "day", |value: &Date| value.0.clone()
}

impl IntCriterion {
    /// Whether it can hold only where there is a value.
    pub fn needs_value(&self) -> bool {
        let comparisons = [&self.eq, &self.gt, &self.gte, &self.lt, &self.lte];
        comparisons.iter().any(|value| value.is_some()) || self.between.is_some() || self.is_in.is_some()
    }

    /// Whether it can hold only for values above this one.
    pub fn is_above(&self, floor: i32) -> bool {
        let above = |value: &i32| *value > floor;
        self.gt.is_some_and(|value| value >= floor)
            || self.eq.iter().chain(&self.gte).any(above)
            || self.between.as_ref().is_some_and(|range| above(&range.from))
            || self.is_in.as_ref().is_some_and(|values| values.iter().all(above))
    }
}

/// A condition on something that is true or false.
#[derive(Debug, Clone, Default, InputObject)]
pub struct BooleanCriterion {
    /// Equal to this.
    pub eq: Option<bool>,
}

/// A condition on text. Case is ignored except by `eq`, `ne`, `in` and `notIn`; nothing is a wildcard.
#[derive(Debug, Clone, Default, InputObject)]
pub struct TextCriterion {
    /// Equal to this, case included.
    pub eq: Option<String>,
    /// Not equal to this, or absent.
    pub ne: Option<String>,
    /// One of these, case included; an empty list is refused.
    #[graphql(name = "in")]
    pub is_in: Option<Vec<String>>,
    /// None of these, or absent.
    pub not_in: Option<Vec<String>>,
    /// This occurs in it.
    pub contains: Option<String>,
    /// This does not occur in it, or it is absent.
    pub not_contains: Option<String>,
    /// It begins with this.
    pub starts_with: Option<String>,
    /// It ends with this.
    pub ends_with: Option<String>,
    /// Whether it is absent.
    pub is_null: Option<bool>,
}

impl TextCriterion {
    /// The condition on a value.
    pub fn condition(&self, subject: &Subject, backend: DbBackend) -> Condition {
        let expr = || subject.expr.clone();
        let matches = |pattern: String| like(expr(), pattern, backend);
        let mut all = Condition::all();
        let comparisons = [
            self.eq.as_ref().map(|other| expr().eq(other.as_str())),
            self.is_in
                .as_ref()
                .map(|others| expr().is_in(others.iter().map(String::as_str))),
            self.contains
                .as_ref()
                .map(|text| matches(format!("%{}%", escape_like(text)))),
            self.starts_with
                .as_ref()
                .map(|text| matches(format!("{}%", escape_like(text)))),
            self.ends_with
                .as_ref()
                .map(|text| matches(format!("%{}", escape_like(text)))),
        ];
        for comparison in comparisons.into_iter().flatten() {
            all = all.add(subject.holds(comparison));
        }
        let opposites = [
            self.ne.as_ref().map(|other| expr().eq(other.as_str())),
            self.not_in
                .as_ref()
                .map(|others| expr().is_in(others.iter().map(String::as_str))),
            self.not_contains
                .as_ref()
                .map(|text| matches(format!("%{}%", escape_like(text)))),
        ];
        for comparison in opposites.into_iter().flatten() {
            all = all.add(subject.holds(comparison).not());
        }
        if let Some(wanted) = self.is_null {
            all = all.add(subject.is_absent(wanted));
        }
        all
    }

    /// Refuses what nothing can fulfill, and texts that no database takes. `path` is where it stands in the input.
    pub fn check(&self, path: &str) -> Result<(), Failure> {
        for (list, operator) in [(&self.is_in, "in"), (&self.not_in, "notIn")] {
            check_length(list, path, operator)?;
        }
        // PostgreSQL has no zero byte in a text.
        if self.texts().any(|text| text.contains('\0') || text.len() > MAX_TEXT) {
            let message = format!("a text is longer than {MAX_TEXT} bytes or has a zero byte");
            return Err(Failure::field(path, message));
        }
        let said = Said {
            eq: self.eq.as_ref(),
            ne: self.ne.as_ref(),
            is_in: self.is_in.as_ref().map(|list| list.iter().collect()),
            not_in: self.not_in.as_ref().map(|list| list.iter().collect()),
            gt: None,
            gte: None,
            lt: None,
            lte: None,
            between: None,
            is_null: self.is_null,
            needs_value: [&self.contains, &self.starts_with, &self.ends_with]
                .into_iter()
                .any(Option::is_some),
        };
        said.check(path)?;
        // Both databases fold at least these letters.
        let folded = |text: &Option<String>| text.as_ref().map(|text| text.to_ascii_lowercase());
        if let Some(unwanted) = folded(&self.not_contains) {
            let wanted = [&self.contains, &self.starts_with, &self.ends_with];
            if wanted
                .into_iter()
                .filter_map(folded)
                .any(|text| text.contains(&unwanted))
            {
                let message = "contradicts a text that must occur: nothing fulfills both";
                return Err(Failure::field(format!("{path}.notContains"), message));
            }
        }
        Ok(())
    }

    /// Whether it holds for a value in memory, as the condition does for one in a row; nothing can be said without a
    /// database where case is ignored, for each folds letters of its own.
    pub fn holds(&self, held: Option<&str>) -> Option<bool> {
        let folding = [&self.contains, &self.not_contains, &self.starts_with, &self.ends_with];
        if folding.into_iter().any(Option::is_some) {
            return None;
        }
        let is_one = |others: &Vec<String>| held.is_some_and(|held| others.iter().any(|other| other == held));
        let is = |other: &String| held.is_some_and(|held| held == other);
        Some(
            self.eq.as_ref().is_none_or(is)
                && self.is_in.as_ref().is_none_or(is_one)
                && !self.ne.as_ref().is_some_and(is)
                && !self.not_in.as_ref().is_some_and(is_one)
                && self.is_null.is_none_or(|wanted| held.is_none() == wanted),
        )
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        let single = [
            &self.eq,
            &self.ne,
            &self.contains,
            &self.not_contains,
            &self.starts_with,
            &self.ends_with,
        ];
        let lists = [&self.is_in, &self.not_in];
        single
            .into_iter()
            .flatten()
            .chain(lists.into_iter().flatten().flatten())
    }
}

fn check_length<T>(list: &Option<Vec<T>>, path: &str, operator: &str) -> Result<(), Failure> {
    match list {
        Some(list) if list.len() > MAX_VALUES => Err(Failure::field(
            format!("{path}.{operator}"),
            format!("more than {MAX_VALUES} values"),
        )),
        _ => Ok(()),
    }
}

/// Text in which `%`, `_` and the escape itself stand for themselves.
pub fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A match without regard to case: SQLite's `like` folds ASCII, PostgreSQL's `ilike` folds all letters.
pub fn like(expr: Expr, pattern: String, backend: DbBackend) -> Expr {
    match backend {
        // A backslash is PostgreSQL's own default escape.
        DbBackend::Postgres => expr.binary(BinOper::Custom("ilike"), Expr::val(pattern)),
        _ => expr.like(LikeExpr::new(pattern).escape('\\')),
    }
}
