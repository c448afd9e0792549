//! Scalars of the API: what JSON has no type for.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// A duration or a position, in seconds with fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(pub f64);

impl Seconds {
    /// From the microseconds of a row.
    pub fn from_us(us: i64) -> Self {
        Self(us as f64 / 1e6)
    }

    /// The microseconds of a row, rounded.
    pub fn as_us(self) -> i64 {
        (self.0 * 1e6).round() as i64
    }
}

/// A duration or a position, in seconds with fractions.
#[Scalar(name = "Seconds")]
impl ScalarType for Seconds {
    fn parse(value: Value) -> InputValueResult<Self> {
        let seconds = match &value {
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        match seconds {
            // Beyond this, microseconds do not fit the column.
            Some(seconds) if seconds.abs() < 9e12 => Ok(Self(seconds)),
            _ => Err(InputValueError::custom("expected a number of seconds")),
        }
    }

    fn to_value(&self) -> Value {
        Number::from_f64(self.0).map_or(Value::Null, Value::Number)
    }
}

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonValue(pub serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for JsonValue {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// A size in bytes. It may exceed 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub i64);

/// A size in bytes. It may exceed 32 bits.
#[Scalar(name = "Bytes")]
impl ScalarType for Bytes {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) if number.as_i64().is_some() => Ok(Self(number.as_i64().unwrap_or_default())),
            _ => Err(InputValueError::custom("expected a whole number of bytes")),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// A moment after RFC 3339, always UTC, such as `2026-01-31T12:00:00.5Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub i64);

/// A moment after RFC 3339, always UTC, such as `2026-01-31T12:00:00.5Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match text.parse::<Timestamp>() {
                Ok(moment) => Ok(Self(moment.as_millisecond())),
                Err(error) => Err(InputValueError::custom(format!(
                    "`{text}` is not a moment after RFC 3339: {error}"
                ))),
            },
            _ => Err(InputValueError::custom(
                "expected a moment such as \"2026-01-31T12:00:00Z\"",
            )),
        }
    }

    fn to_value(&self) -> Value {
        Timestamp::from_millisecond(self.0).map_or(Value::Null, |moment| Value::from(moment.to_string()))
    }
}

/// A day of the calendar, such as `2026-01-31`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date(pub String);

/// A day of the calendar, such as `2026-01-31`.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match text.parse::<jiff::civil::Date>() {
                Ok(day) => Ok(Self(day.to_string())),
                Err(error) => Err(InputValueError::custom(format!("`{text}` is not a day: {error}"))),
            },
            _ => Err(InputValueError::custom("expected a day such as \"2026-01-31\"")),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.clone())
    }
}

/// An absolute path on this server, or an absolute URL. It is signed and needs no header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute path on this server, or an absolute URL. It is signed and needs no header.
#[Scalar(name = "Url")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.clone())
    }
}
