//! What clients leave out, set to null, or give.

use async_graphql::MaybeUndefined;

/// `None` for what was left out, `Some(None)` for null.
pub fn opened<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
