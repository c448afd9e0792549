//! Criteria that nothing can fulfill: whoever sends one has made a mistake, and is told where.

use std::fmt::Display;

use kernel::error::Failure;

/// What a criterion on one value says, each operator by its name.
#[derive(Debug)]
pub(super) struct Said<T> {
    pub(super) eq: Option<T>,
    pub(super) ne: Option<T>,
    pub(super) is_in: Option<Vec<T>>,
    pub(super) not_in: Option<Vec<T>>,
    pub(super) gt: Option<T>,
    pub(super) gte: Option<T>,
    pub(super) lt: Option<T>,
    pub(super) lte: Option<T>,
    pub(super) between: Option<(T, T)>,
    pub(super) is_null: Option<bool>,
    /// Whether an operator that is not listed here needs a value.
    pub(super) needs_value: bool,
}

/// A bound, whether it is itself excluded, and the operator that set it.
type Bound<'a, T> = (&'a T, bool, &'static str);

impl<T: Ord> Said<T> {
    /// Refuses what nothing can fulfill; `path` is the criterion's.
    pub(super) fn check(&self, path: &str) -> Result<(), Failure> {
        let refuse = |operator: &str, message: String| Err(Failure::field(format!("{path}.{operator}"), message));
        if self.is_in.as_ref().is_some_and(Vec::is_empty) {
            return refuse(
                "in",
                "an empty list matches nothing; leave it out to allow every value".to_owned(),
            );
        }
        if let Some((from, to)) = &self.between
            && from > to
        {
            return refuse(
                "between",
                "nothing lies between: `from` is greater than `to`".to_owned(),
            );
        }
        let (lower, upper) = (self.lower(), self.upper());
        if let (Some((least, excludes_least, one)), Some((most, excludes_most, other))) = (&lower, &upper)
            && (least > most || (least == most && (*excludes_least || *excludes_most)))
        {
            return refuse(one, contradicts(other));
        }
        let needs_value = self.needs_value || lower.is_some() || upper.is_some() || self.is_in.is_some();
        if self.is_null == Some(true) && needs_value {
            return refuse(
                "isNull",
                "contradicts the other conditions, which need a value".to_owned(),
            );
        }
        let is_within = |value: &T| {
            lower
                .as_ref()
                .is_none_or(|(least, is_excluded, _)| value > *least || (value == *least && !is_excluded))
                && upper
                    .as_ref()
                    .is_none_or(|(most, is_excluded, _)| value < *most || (value == *most && !is_excluded))
        };
        let is_ruled_out = |value: &T| {
            self.ne.as_ref() == Some(value) || self.not_in.as_ref().is_some_and(|list| list.contains(value))
        };
        if let Some(value) = &self.eq {
            if is_ruled_out(value) {
                return refuse(
                    "eq",
                    contradicts(if self.ne.as_ref() == Some(value) { "ne" } else { "notIn" }),
                );
            }
            if self.is_in.as_ref().is_some_and(|list| !list.contains(value)) {
                return refuse("eq", contradicts("in"));
            }
        }
        if let Some(list) = &self.is_in
            && !list.iter().any(|value| is_within(value) && !is_ruled_out(value))
        {
            return refuse("in", "the other conditions rule out every value of the list".to_owned());
        }
        Ok(())
    }

    fn lower(&self) -> Option<Bound<'_, T>> {
        let bounds = [
            self.eq.as_ref().map(|value| (value, false, "eq")),
            self.gt.as_ref().map(|value| (value, true, "gt")),
            self.gte.as_ref().map(|value| (value, false, "gte")),
            self.between.as_ref().map(|(from, _)| (from, false, "between")),
        ];
        bounds
            .into_iter()
            .flatten()
            .max_by_key(|(value, is_excluded, _)| (*value, *is_excluded))
    }

    fn upper(&self) -> Option<Bound<'_, T>> {
        let bounds = [
            self.eq.as_ref().map(|value| (value, false, "eq")),
            self.lt.as_ref().map(|value| (value, true, "lt")),
            self.lte.as_ref().map(|value| (value, false, "lte")),
            self.between.as_ref().map(|(_, to)| (to, false, "between")),
        ];
        bounds
            .into_iter()
            .flatten()
            .min_by_key(|(value, is_excluded, _)| (*value, !*is_excluded))
    }
}

fn contradicts(other: impl Display) -> String {
    format!("contradicts `{other}`: nothing fulfills both")
}

#[cfg(test)]
mod tests {
    use crate::kit::criterion::{IntCriterion, IntRange, TextCriterion};

    fn check(criterion: IntCriterion, expected: Option<&str>) {
        let refused = criterion.check("f").err();
        let path = refused.as_ref().map(|failure| failure.fields[0].path.as_str());
        assert_eq!(path, expected, "{criterion:?}");
    }

    #[test]
    fn what_nothing_fulfills_is_refused_with_its_operator() {
        let none = IntCriterion::default;
        let range = |from, to| Some(IntRange { from, to });
        check(
            IntCriterion {
                gte: Some(5),
                lte: Some(4),
                ..none()
            },
            Some("f.gte"),
        );
        check(
            IntCriterion {
                gte: Some(5),
                lte: Some(5),
                ..none()
            },
            None,
        );
        check(
            IntCriterion {
                gt: Some(5),
                lte: Some(5),
                ..none()
            },
            Some("f.gt"),
        );
        check(
            IntCriterion {
                gte: Some(5),
                lt: Some(5),
                ..none()
            },
            Some("f.gte"),
        );
        check(
            IntCriterion {
                between: range(2, 1),
                ..none()
            },
            Some("f.between"),
        );
        check(
            IntCriterion {
                between: range(1, 1),
                ..none()
            },
            None,
        );
        check(
            IntCriterion {
                between: range(1, 4),
                gt: Some(4),
                ..none()
            },
            Some("f.gt"),
        );
        check(
            IntCriterion {
                eq: Some(3),
                between: range(4, 9),
                ..none()
            },
            Some("f.between"),
        );
        check(
            IntCriterion {
                eq: Some(3),
                ne: Some(3),
                ..none()
            },
            Some("f.eq"),
        );
        check(
            IntCriterion {
                eq: Some(3),
                is_in: Some(vec![4]),
                ..none()
            },
            Some("f.eq"),
        );
        check(
            IntCriterion {
                eq: Some(3),
                not_in: Some(vec![3]),
                ..none()
            },
            Some("f.eq"),
        );
        check(
            IntCriterion {
                is_in: Some(vec![]),
                ..none()
            },
            Some("f.in"),
        );
        check(
            IntCriterion {
                is_in: Some(vec![1, 2]),
                gt: Some(2),
                ..none()
            },
            Some("f.in"),
        );
        check(
            IntCriterion {
                is_in: Some(vec![1, 3]),
                gt: Some(2),
                ..none()
            },
            None,
        );
        check(
            IntCriterion {
                is_null: Some(true),
                gt: Some(2),
                ..none()
            },
            Some("f.isNull"),
        );
        check(
            IntCriterion {
                is_null: Some(true),
                ne: Some(2),
                not_in: Some(vec![]),
                ..none()
            },
            None,
        );
        check(
            IntCriterion {
                is_null: Some(false),
                ne: Some(2),
                ..none()
            },
            None,
        );
    }

    #[test]
    fn texts_contradict_themselves_too() {
        let path = |criterion: TextCriterion| criterion.check("f").err().map(|failure| failure.fields[0].path.clone());
        let text = |text: &str| Some(text.to_owned());
        let none = TextCriterion::default;
        assert_eq!(
            path(TextCriterion {
                is_in: Some(vec![]),
                ..none()
            })
            .as_deref(),
            Some("f.in")
        );
        assert_eq!(
            path(TextCriterion {
                is_null: Some(true),
                contains: text("a"),
                ..none()
            })
            .as_deref(),
            Some("f.isNull")
        );
        assert_eq!(
            path(TextCriterion {
                contains: text("a"),
                not_contains: text("A"),
                ..none()
            })
            .as_deref(),
            Some("f.notContains")
        );
        assert_eq!(
            path(TextCriterion {
                contains: text("ab"),
                not_contains: text("c"),
                ..none()
            }),
            None
        );
        assert_eq!(
            path(TextCriterion {
                eq: text("x\0"),
                ..none()
            })
            .as_deref(),
            Some("f")
        );
    }
}
