//! Custom fields of every kind, with values for two of three items: a synthetic library has none of its own.

use std::collections::BTreeMap;

use anyhow::Context;
use entities::{
    custom_field::{self, FieldKind},
    id::{CustomFieldId, MediaId},
    media, media_field,
};
use kernel::store::Durability;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryOrder, QuerySelect};
use serde_json::{Value as Json, json};
use tests::library::Library;

use super::holds::{Item, ordered, text};

/// The words that texts and choices are of.
const WORDS: [&str; 5] = ["lantern", "Harbor", "50% off", "a_b", "night train"];
/// Rows of one insert.
const CHUNK: usize = 500;

/// Defines a field of each kind and gives items values.
pub async fn plant(library: &Library) -> anyhow::Result<()> {
    let mut fields: Vec<(CustomFieldId, &str)> = Vec::new();
    for kind in ["TEXT", "NUMBER", "DATE", "BOOLEAN", "CHOICE"] {
        let choices: &[&str] = if kind == "CHOICE" { &WORDS } else { &[] };
        let input = json!({ "name": format!("a {kind}"), "kind": kind, "choices": choices });
        let create =
            "mutation($input: CreateCustomFieldInput!) { createCustomField(input: $input) { customField { id } } }";
        let made = library.data(create, json!({ "input": input })).await?;
        let id = made["createCustomField"]["customField"]["id"]
            .as_str()
            .context("an id")?;
        fields.push((id.parse()?, kind));
    }
    let ids = media::Entity::find()
        .select_only()
        .column(media::Column::Id)
        .order_by_asc(media::Column::Id);
    let ids: Vec<MediaId> = ids.into_tuple().all(library.kernel.store.reader()).await?;
    let mut rows = Vec::new();
    for (n, media_id) in ids.into_iter().enumerate() {
        for (at, (field_id, kind)) in fields.iter().enumerate() {
            // Whatever each has, it has in no step with the others.
            let drawn = (n + 1).wrapping_mul(2_654_435_761).wrapping_add(at * 40_503) >> 7;
            if drawn.is_multiple_of(3) {
                continue;
            }
            let (text, number) = match *kind {
                "NUMBER" => (None, Some((drawn % 41) as f64 / 2.0 - 5.0)),
                "BOOLEAN" => (None, Some((drawn % 2) as f64)),
                "DATE" => (
                    Some(format!("20{:02}-0{}-1{}", drawn % 30, 1 + drawn % 9, drawn % 10)),
                    None,
                ),
                _ => (Some(WORDS[drawn % WORDS.len()].to_owned()), None),
            };
            rows.push(media_field::ActiveModel {
                media_id: Set(media_id),
                field_id: Set(*field_id),
                text_value: Set(text),
                number_value: Set(number),
            });
        }
    }
    let tx = library.kernel.store.begin(Durability::Normal).await?;
    for chunk in rows.chunks(CHUNK) {
        media_field::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(&*tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What each field holds, and what items have.
pub async fn read(library: &Library, items: &mut BTreeMap<i64, Item>) -> anyhow::Result<BTreeMap<String, FieldKind>> {
    let db = library.kernel.store.reader();
    let fields = custom_field::Entity::find().all(db).await?;
    for row in media_field::Entity::find().all(db).await? {
        items
            .entry(row.media_id.0)
            .and_modify(|item| drop(item.fields.insert(row.field_id.to_string(), row)));
    }
    Ok(fields
        .into_iter()
        .map(|field| (field.id.to_string(), field.kind))
        .collect())
}

/// Whether what is said of an item's value of a field holds. Of an item without one nothing does but that it has none.
pub fn holds(criterion: &Json, kinds: &BTreeMap<String, FieldKind>, item: &Item) -> bool {
    let id = criterion["fieldId"].as_str().unwrap_or_default();
    let value = item.fields.get(id);
    let of = |fits: &[FieldKind]| value.filter(|_| kinds.get(id).is_some_and(|kind| fits.contains(kind)));
    let said = |name: &str| criterion.get(name).filter(|said| !said.is_null());
    let flag = |name: &str| criterion[name]["eq"].as_bool();
    let number = |row: &media_field::Model| row.number_value;
    said("text").is_none_or(|said| {
        let text_of = of(&[FieldKind::Text, FieldKind::Choice]).and_then(|row| row.text_value.as_deref());
        text_of.is_some_and(|value| text(said, Some(value)))
    }) && said("date").is_none_or(|said| {
        let day = of(&[FieldKind::Date]).and_then(|row| row.text_value.clone());
        day.is_some_and(|day| ordered(said, Some(day), |other| other.as_str().map(str::to_owned)))
    }) && said("number").is_none_or(|said| {
        let halves = |number: f64| (number * 2.0).round() as i64;
        let value = of(&[FieldKind::Number]).and_then(number);
        value.is_some_and(|value| ordered(said, Some(halves(value)), |other| other.as_f64().map(halves)))
    }) && flag("boolean").is_none_or(|wanted| {
        let value = of(&[FieldKind::Boolean]).and_then(number);
        value.is_some_and(|value| (value != 0.0) == wanted)
    }) && flag("isSet").is_none_or(|wanted| value.is_some() == wanted)
}
