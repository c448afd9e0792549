//! GraphQL's `ID` and our typed ids.

use std::str::FromStr;

use async_graphql::ID;
use entities::id::{IdError, TypedId};
use kernel::error::Failure;

/// The typed id of a client's text, or an error that names the input's field.
pub fn parse<T: TypedId + FromStr<Err = IdError>>(id: &ID, path: &str) -> Result<T, Failure> {
    id.as_str()
        .parse::<T>()
        .map_err(|error| Failure::field(path, error.to_string()))
}

/// Typed ids of a client's texts; an error names the element.
pub fn parse_many<T: TypedId + FromStr<Err = IdError>>(ids: &[ID], path: &str) -> Result<Vec<T>, Failure> {
    let element = |(index, id): (usize, &ID)| {
        id.as_str()
            .parse::<T>()
            .map_err(|error| Failure::field(format!("{path}[{index}]"), error.to_string()))
    };
    ids.iter().enumerate().map(element).collect()
}

/// The `ID` of a typed id.
pub fn id<T: TypedId + ToString>(id: T) -> ID {
    ID(id.to_string())
}
