//! How failures reach clients: `extensions { code, fields, requestId }`; what is internal stays in the log.

use std::{error::Error as _, sync::Arc};

use async_graphql::{Error, ErrorExtensionValues, Response, Value};
use kernel::error::{Category, Failure, code};

/// Turns the failure of a rule or a read into GraphQL's error.
pub trait ToGraphql<T> {
    /// The value, or the error that clients get.
    fn graphql(self) -> async_graphql::Result<T>;
}

impl<T, E: Into<Failure>> ToGraphql<T> for Result<T, E> {
    fn graphql(self) -> async_graphql::Result<T> {
        self.map_err(|error| graphql_error(error.into()))
    }
}

/// A failure that several fields wait for, told to one of them.
pub fn shared(failure: Arc<Failure>) -> Failure {
    match Arc::try_unwrap(failure) {
        Ok(failure) => failure,
        Err(shared) => Failure::new(shared.code, shared.message.clone()),
    }
}

/// The error that clients get for a failure. What has a cause that they are not told is logged here, once, with its chain.
pub fn graphql_error(failure: Failure) -> Error {
    if failure.code.category == Category::Internal || failure.source().is_some() {
        tracing::error!(code = failure.code.name, error = chain(&failure), "a request failed");
    }
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", failure.code.name);
    if !failure.fields.is_empty() {
        let fault = |fault: &kernel::error::FieldFault| {
            let path = (async_graphql::Name::new("path"), Value::from(fault.path.clone()));
            let message = (async_graphql::Name::new("message"), Value::from(fault.message.clone()));
            Value::Object([path, message].into_iter().collect())
        };
        extensions.set("fields", Value::List(failure.fields.iter().map(fault).collect()));
    }
    Error {
        message: failure.message,
        source: None,
        extensions: Some(extensions),
    }
}

/// Completes the errors of a response: each gets the request's id, and what no rule gave a code is either the
/// document's fault or, when a resolver let a foreign error through, internal and hidden.
pub fn seal(response: &mut Response, request_id: &str) {
    for error in &mut response.errors {
        let has_code = error
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.get("code").is_some());
        if !has_code && let Some(failure) = error.source::<Failure>() {
            tracing::error!(error = chain(failure), "a resolver returned a bare failure");
        }
        if !has_code {
            let is_foreign = error.source.is_some();
            if is_foreign {
                tracing::error!(error = %error.message, "a request failed");
                error.message = Failure::internal("a foreign error").message;
                error.source = None;
            }
            let code = if is_foreign { &code::INTERNAL } else { &code::BAD_INPUT };
            error.extensions.get_or_insert_default().set("code", code.name);
        }
        error.extensions.get_or_insert_default().set("requestId", request_id);
    }
}

fn chain(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Whether a statement failed on the constraint or index of this name.
pub fn violates(error: &sea_orm::DbErr, constraint: &str) -> bool {
    error.sql_err().is_some() && error.to_string().contains(constraint)
}
