//! Cursors: a place in an order as an opaque text, which is refused by any other order.

use std::{borrow::Cow, sync::Arc};

use data_encoding::BASE64URL_NOPAD;
use kernel::error::Failure;
use serde_json::{Value as Json, json};

use crate::kit::keyset::{Key, KeyKind, KeyValue, Keyset};

/// A place between rows: the key values and the id of the row before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// A value per key.
    pub values: Vec<KeyValue>,
    /// The id.
    pub id: i64,
}

/// The version in each cursor; a cursor of another version is refused.
const VERSION: i64 = 1;

/// The cursor of a row of a page.
#[derive(Debug, Clone)]
pub enum RowCursor {
    /// Its text.
    Text(String),
    /// In a list of this signature, which is at hand as a whole: the id alone. It is written when somebody asks for it.
    OfId(Arc<str>),
}

impl RowCursor {
    /// The opaque text for clients, of a row with this id.
    pub fn text(&self, id: i64) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::OfId(signature) => encode(signature, id, &[]).into(),
        }
    }
}

fn encode(signature: &str, id: i64, values: &[KeyValue]) -> String {
    let mut parts = vec![json!(VERSION), json!(signature), json!(id)];
    parts.extend(values.iter().map(|value| match value {
        KeyValue::Absent => Json::Null,
        KeyValue::Int(value) => json!(value),
        KeyValue::Text(value) => json!(value),
    }));
    BASE64URL_NOPAD.encode(Json::Array(parts).to_string().as_bytes())
}

impl Cursor {
    /// The opaque text for clients.
    pub fn encode(&self, keyset: &Keyset) -> String {
        encode(&keyset.signature, self.id, &self.values)
    }

    /// Reads a client's text. A cursor of another order is an error that says so.
    pub fn decode(text: &str, keyset: &Keyset, path: &str) -> Result<Self, Failure> {
        let malformed = || Failure::field(path, "not a cursor of this server");
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| malformed())?;
        let parts: Vec<Json> = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let [version, signature, id, values @ ..] = &parts[..] else {
            return Err(malformed());
        };
        if version.as_i64() != Some(VERSION) {
            return Err(malformed());
        }
        if signature.as_str() != Some(&keyset.signature) {
            return Err(Failure::field(
                path,
                "the cursor belongs to another sort; begin again without it",
            ));
        }
        if values.len() != keyset.keys.len() {
            return Err(malformed());
        }
        let value = |(key, value): (&Key, &Json)| match (key.kind, value) {
            (_, Json::Null) if key.is_nullable => Ok(KeyValue::Absent),
            (KeyKind::Int, value) => value.as_i64().map(KeyValue::Int).ok_or_else(malformed),
            // PostgreSQL refuses a zero byte in text.
            (KeyKind::Text, Json::String(text)) if !text.contains('\0') => Ok(KeyValue::Text(text.clone())),
            _ => Err(malformed()),
        };
        let values = keyset.keys.iter().zip(values).map(value).collect::<Result<_, _>>()?;
        Ok(Self {
            values,
            id: id.as_i64().ok_or_else(malformed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::Expr;

    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_passes() {
        let keyset = Keyset {
            keys: vec![Key {
                expr: Expr::col(("media", "height")),
                kind: KeyKind::Int,
                is_nullable: true,
                is_descending: true,
            }],
            id: Expr::col(("media", "id")),
            is_descending: true,
            signature: "-Height".to_owned(),
        };
        for value in [KeyValue::Absent, KeyValue::Int(i64::MIN), KeyValue::Int(i64::MAX)] {
            let cursor = Cursor {
                values: vec![value],
                id: i64::MAX,
            };
            assert_eq!(
                Cursor::decode(&cursor.encode(&keyset), &keyset, "after").expect("a cursor"),
                cursor
            );
        }
        let other = Keyset {
            signature: "+Height".to_owned(),
            ..keyset.clone()
        };
        let text = Cursor {
            values: vec![KeyValue::Int(1)],
            id: 1,
        }
        .encode(&other);
        let failure = Cursor::decode(&text, &keyset, "after").expect_err("another sort");
        assert!(failure.message.contains("another sort"), "{}", failure.message);
        for text in [
            "",
            "x",
            "W10",
            "WzJd",
            &BASE64URL_NOPAD.encode(b"[1,\"-Height\",1]"),
            &BASE64URL_NOPAD.encode(b"[1,\"-Height\",1,\"a\"]"),
        ] {
            assert!(Cursor::decode(text, &keyset, "after").is_err(), "{text}");
        }
    }
}
