//! Which form of answer a client wants, after the GraphQL-over-HTTP specification.

use axum::http::{HeaderMap, header};

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `application/json`: 200 for every document that could be read, for old clients.
    Json,
    /// `application/graphql-response+json`: the status says whether the document could be executed.
    GraphqlJson,
    /// `text/event-stream`: the distinct connections mode of the GraphQL-SSE protocol.
    EventStream,
}

impl Shape {
    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlJson => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
        }
    }
}

/// The form that the `Accept` headers prefer; plain JSON where they do not say; `None` if they accept none of ours.
pub fn negotiate(headers: &HeaderMap) -> Option<Shape> {
    let mut lists = headers.get_all(header::ACCEPT).iter().peekable();
    if lists.peek().is_none() {
        return Some(Shape::Json);
    }
    let mut best: Option<(f32, Shape)> = None;
    for range in lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
    {
        let mut pieces = range.split(';').map(str::trim);
        let shape = match pieces.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/json" | "application/*" | "*/*" => Shape::Json,
            "application/graphql-response+json" => Shape::GraphqlJson,
            "text/event-stream" => Shape::EventStream,
            _ => continue,
        };
        let quality = pieces
            .find_map(|piece| piece.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0_f32);
        // Of two that are equally welcome, the one named first.
        if quality > 0.0 && best.is_none_or(|(other, _)| quality > other) {
            best = Some((quality, shape));
        }
    }
    best.map(|(_, shape)| shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_decides() {
        let accept = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, text.parse().expect("a value"));
            negotiate(&headers)
        };
        assert_eq!(negotiate(&HeaderMap::new()), Some(Shape::Json));
        assert_eq!(accept("*/*"), Some(Shape::Json));
        assert_eq!(
            accept("application/graphql-response+json, application/json;q=0.9"),
            Some(Shape::GraphqlJson)
        );
        assert_eq!(
            accept("application/graphql-response+json;q=0.5, application/json;q=0.9"),
            Some(Shape::Json)
        );
        assert_eq!(
            accept("application/graphql-response+json; charset=utf-8"),
            Some(Shape::GraphqlJson)
        );
        assert_eq!(accept("text/event-stream"), Some(Shape::EventStream));
        assert_eq!(accept("text/html, application/json;q=0"), None);
    }
}
