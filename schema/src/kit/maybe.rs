//! What clients leave out, set to null, or give.

use async_graphql::MaybeUndefined;
use kernel::error::Failure;

use crate::kit::text;

/// `None` for what was left out, `Some(None)` for null.
pub fn opened<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// A name or a title, which every thing has: it may be left out, but not cleared.
///
/// # Errors
/// It is null, or no name; the error names the field at the end of `path`.
pub fn named(value: MaybeUndefined<String>, path: &str) -> Result<Option<String>, Failure> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => {
            let noun = path.rsplit('.').next().unwrap_or(path);
            Err(Failure::field(path, format!("a {noun} cannot be cleared")))
        }
        MaybeUndefined::Value(name) => text::name(&name, path).map(Some),
    }
}
