//! Filtering by custom fields: each criterion is an `exists` of its own.

use async_graphql::{ID, InputObject};
use entities::{custom_field::FieldKind, id::CustomFieldId};
use kernel::error::Failure;
use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::kit::{
    criterion::{BooleanCriterion, DateCriterion, Subject, TextCriterion},
    id,
};

/// The most criteria in one list.
const MAX_CRITERIA: usize = 50;

/// A condition on a number of a custom field.
#[derive(Debug, Clone, Default, InputObject)]
pub struct NumberCriterion {
    /// Equal to this.
    pub eq: Option<f64>,
    /// Greater than this.
    pub gt: Option<f64>,
    /// Greater than this, or equal to it.
    pub gte: Option<f64>,
    /// Less than this.
    pub lt: Option<f64>,
    /// Less than this, or equal to it.
    pub lte: Option<f64>,
}

/// A condition on a custom field. All that is given holds together; what is said of another kind of value than the
/// field's holds for no item, and of an item without a value nothing holds but `isSet`.
#[derive(Debug, Clone, InputObject)]
pub struct CustomFieldCriterion {
    /// The field.
    pub field_id: ID,
    /// Whether the item has a value.
    pub is_set: Option<BooleanCriterion>,
    /// The text, or the choice.
    pub text: Option<TextCriterion>,
    /// The number.
    pub number: Option<NumberCriterion>,
    /// The day.
    pub date: Option<DateCriterion>,
    /// Yes or no.
    pub boolean: Option<BooleanCriterion>,
}

impl NumberCriterion {
    fn condition(&self, value: &Expr) -> Condition {
        let all = Condition::all().add(value.clone().is_not_null());
        all.add_option(self.eq.map(|number| value.clone().eq(number)))
            .add_option(self.gt.map(|number| value.clone().gt(number)))
            .add_option(self.gte.map(|number| value.clone().gte(number)))
            .add_option(self.lt.map(|number| value.clone().lt(number)))
            .add_option(self.lte.map(|number| value.clone().lte(number)))
    }
}

/// The condition on `media` of criteria that all hold; `path` is the list in the input.
///
/// # Errors
/// An id is none, a text is too long, or they are too many.
pub fn condition(criteria: &[CustomFieldCriterion], path: &str, backend: DbBackend) -> Result<Condition, Failure> {
    if criteria.len() > MAX_CRITERIA {
        return Err(Failure::field(path, format!("at most {MAX_CRITERIA} criteria")));
    }
    let mut all = Condition::all();
    for (index, criterion) in criteria.iter().enumerate() {
        all = all.add(one(criterion, &format!("{path}[{index}]"), backend)?);
    }
    Ok(all)
}

fn one(criterion: &CustomFieldCriterion, path: &str, backend: DbBackend) -> Result<Condition, Failure> {
    let field: CustomFieldId = id::parse(&criterion.field_id, &format!("{path}.fieldId"))?;
    let value = |column: &'static str| Expr::col(("mf", column));
    let mut holds = Condition::all();
    let mut kinds: Vec<&[FieldKind]> = Vec::new();
    if let Some(text) = &criterion.text {
        text.check(&format!("{path}.text"))?;
        holds = holds.add(text.condition(&Subject::nullable(value("text_value")), backend));
        kinds.push(&[FieldKind::Text, FieldKind::Choice]);
    }
    if let Some(date) = &criterion.date {
        date.check(&format!("{path}.date"))?;
        holds = holds.add(date.condition(&Subject::nullable(value("text_value"))));
        kinds.push(&[FieldKind::Date]);
    }
    if let Some(number) = &criterion.number {
        holds = holds.add(number.condition(&value("number_value")));
        kinds.push(&[FieldKind::Number]);
    }
    if let Some(wanted) = criterion.boolean.as_ref().and_then(|boolean| boolean.eq) {
        holds = holds.add(value("number_value").eq(f64::from(u8::from(wanted))));
        kinds.push(&[FieldKind::Boolean]);
    }
    let exists = |condition: Condition| {
        let mut select = Query::select();
        select.expr(Expr::cust("1")).from_as("media_field", "mf");
        select.and_where(Expr::col(("mf", "media_id")).equals(("media", "id")));
        select.and_where(value("field_id").eq(field.0)).cond_where(condition);
        Expr::exists(select.take())
    };
    // One row, whatever the item is: the databases look it up once.
    let is_of = |kinds: &[FieldKind]| {
        let mut select = Query::select();
        select.expr(Expr::cust("1")).from("custom_field");
        select.and_where(Expr::col(("custom_field", "id")).eq(field.0));
        select.and_where(Expr::col(("custom_field", "kind")).is_in(kinds.iter().map(|kind| *kind as i32)));
        Expr::exists(select.take())
    };
    let mut all = Condition::all();
    if !kinds.is_empty() {
        all = kinds
            .into_iter()
            .fold(all, |all, kinds| all.add(is_of(kinds)))
            .add(exists(holds));
    }
    if let Some(wanted) = criterion.is_set.as_ref().and_then(|is_set| is_set.eq) {
        let is_set = exists(Condition::all());
        all = all.add(if wanted { is_set } else { is_set.not() });
    }
    Ok(all)
}
