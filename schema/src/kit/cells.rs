//! The values of a row that was read as JSON, and what becomes rows of them.

use data_encoding::HEXLOWER_PERMISSIVE;
use sea_orm::{ActiveEnum, DbErr};
use serde_json::Value;

/// A row of a table with an id, made of cells.
pub trait FromCells: Sized {
    /// Its columns without the id, in the order in which [`FromCells::read`] takes them.
    const COLUMNS: &'static [&'static str];

    /// Takes the columns.
    ///
    /// # Errors
    /// When a value is not what the column holds.
    fn read(id: i64, cells: &mut Cells) -> Result<Self, DbErr>;

    /// Its id.
    fn id(&self) -> i64;
}

/// The columns of a row after the id, each with the method of [`Cells`] that takes it.
macro_rules! from_cells {
    ($($row:ty { $($column:ident: $kind:ident),+ $(,)? })+) => {
        $(impl $crate::kit::cells::FromCells for $row {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn read(id: i64, cells: &mut $crate::kit::cells::Cells) -> Result<Self, sea_orm::DbErr> {
                Ok(Self {
                    id: id.into(),
                    $($column: cells.$kind()?),+
                })
            }

            fn id(&self) -> i64 {
                self.id.into()
            }
        })+
    };
}

pub(crate) use from_cells;

/// The values of a row, taken one after the other.
pub struct Cells(std::vec::IntoIter<Value>);

impl Cells {
    /// The values of a row.
    pub fn of(row: Vec<Value>) -> Self {
        Self(row.into_iter())
    }

    /// The next value as an id.
    ///
    /// # Errors
    /// When it is none.
    pub fn id<T: From<i64>>(&mut self) -> Result<T, DbErr> {
        self.int().map(T::from)
    }

    /// The next value as an id, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn id_or_absent<T: From<i64>>(&mut self) -> Result<Option<T>, DbErr> {
        Ok(self.int_or_absent()?.map(T::from))
    }

    /// The next value as an integer.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&mut self) -> Result<i64, DbErr> {
        self.int_or_absent()?
            .ok_or_else(|| unexpected("an integer", &Value::Null))
    }

    /// The next value as an integer, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn int_or_absent(&mut self) -> Result<Option<i64>, DbErr> {
        match self.0.next() {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| unexpected("an integer", &value)),
        }
    }

    /// The next value as a number that stands for one of a few.
    ///
    /// # Errors
    /// When it does not.
    pub fn one_of<E: ActiveEnum<Value = i32>>(&mut self) -> Result<E, DbErr> {
        E::try_from_value(&self.small()?)
    }

    /// The next value as a number that stands for one of a few, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn one_of_or_absent<E: ActiveEnum<Value = i32>>(&mut self) -> Result<Option<E>, DbErr> {
        self.small_or_absent()?
            .map(|value| E::try_from_value(&value))
            .transpose()
    }

    /// The next value as an integer of 32 bits.
    ///
    /// # Errors
    /// When it is none.
    pub fn small(&mut self) -> Result<i32, DbErr> {
        i32::try_from(self.int()?).map_err(|error| DbErr::Type(error.to_string()))
    }

    /// The next value as an integer of 32 bits, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn small_or_absent(&mut self) -> Result<Option<i32>, DbErr> {
        let small = |value: i64| i32::try_from(value).map_err(|error| DbErr::Type(error.to_string()));
        self.int_or_absent()?.map(small).transpose()
    }

    /// The next value as a truth: SQLite has numbers for them.
    ///
    /// # Errors
    /// When it is none.
    pub fn flag(&mut self) -> Result<bool, DbErr> {
        match self.0.next() {
            Some(Value::Bool(flag)) => Ok(flag),
            Some(Value::Number(number)) => Ok(number.as_i64() != Some(0)),
            other => Err(unexpected("a truth", &other.unwrap_or_default())),
        }
    }

    /// The next value, which is hexadecimal, as bytes.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn bytes(&mut self) -> Result<Vec<u8>, DbErr> {
        let text = self.text()?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        bytes.map_err(|error| DbErr::Type(error.to_string()))
    }

    /// The next value as bytes, or nothing: SQLite writes nothing as no digits.
    ///
    /// # Errors
    /// When it is something else.
    pub fn bytes_or_absent(&mut self) -> Result<Option<Vec<u8>>, DbErr> {
        match self.0.as_slice().first() {
            None | Some(Value::Null) => {
                self.0.next();
                Ok(None)
            }
            Some(_) => Ok(Some(self.bytes()?).filter(|bytes| !bytes.is_empty())),
        }
    }

    /// The next value as text.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&mut self) -> Result<String, DbErr> {
        self.text_or_absent()?.ok_or_else(|| unexpected("text", &Value::Null))
    }

    /// The next value as text, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text_or_absent(&mut self) -> Result<Option<String>, DbErr> {
        match self.0.next() {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(unexpected("text", &value)),
        }
    }
}

fn unexpected(wanted: &str, value: &Value) -> DbErr {
    DbErr::Type(format!("{wanted} was expected, not {value}"))
}
