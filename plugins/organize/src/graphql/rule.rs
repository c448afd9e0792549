//! What a rule on file names would do, before it is done.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::{LibraryId, MediaId};
use kernel::{error::Failure, plugin::Kernel};
use schema::{
    caches::Loaders,
    kit::{access::Needs, error::ToGraphql, id, scalar::Date},
    limits,
    media::types::Media,
};

use crate::{
    pattern::{Pattern, Said},
    rule::{self, Rule},
};

/// The most items that one preview looks at.
const MOST_LOOKED_AT: u64 = 5_000;
/// The most items that one preview shows.
const MOST_SHOWN: i32 = 200;

/// Which items to describe by their file names, and how to read those.
#[derive(InputObject)]
pub struct StartNameRuleInput {
    /// What the end of a path looks like, without the extension and in any case, such as
    /// `{studio}/{date} - {title} ({people})`. Places are `title`, `date`, `year`, `studio`, `people`, `tags`, `skip` and
    /// `field:NAME` for the custom field of that name; a space is any run of spaces, dots and underscores.
    pattern: String,
    /// Only the items of this library.
    library_id: Option<ID>,
    /// Whether what items have is replaced, titles that people gave included; otherwise only what they lack comes.
    #[graphql(default)]
    replace: bool,
    /// Whether tags, people and studios that there are not are made.
    #[graphql(default = true)]
    create_missing: bool,
}

/// What a rule would do to some items.
#[derive(SimpleObject)]
pub struct NameRulePreview {
    /// The items of which the rule says anything that they do not have, at most 200.
    matches: Vec<NameRuleMatch>,
    /// How many items were looked at, at most 5000.
    looked_at_count: i64,
    /// Where to go on, as `after`; null at the end.
    next: Option<ID>,
}

/// What a rule says of an item.
#[derive(SimpleObject)]
pub struct NameRuleMatch {
    /// The item.
    media: Media,
    /// Its new title; null when it keeps its own.
    title: Option<String>,
    /// Its new day; null when it keeps its own.
    date: Option<Date>,
    /// The name of its new studio; null when it keeps its own.
    studio: Option<String>,
    /// The names of people in its path.
    people: Vec<String>,
    /// The names of tags in its path.
    tags: Vec<String>,
    /// Values for custom fields.
    fields: Vec<NameRuleValue>,
}

/// A value for a custom field.
#[derive(SimpleObject)]
pub struct NameRuleValue {
    /// The field's name as the pattern has it.
    field: String,
    /// The text in the path; one that the field cannot hold is left out when the rule is run.
    text: String,
}

/// What can be read about rules on file names.
#[derive(Default)]
pub struct NameRuleQuery;

/// What can be read about rules on file names.
#[Object]
impl NameRuleQuery {
    /// What `startNameRule` would do, some thousand items at a time. Nothing changes.
    #[graphql(
        guard = "Needs::Edit",
        complexity = "limits::page_cost(Some(200), None, child_complexity)"
    )]
    async fn name_rule_preview(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The rule.")] input: StartNameRuleInput,
        #[graphql(desc = "How many matches at most, 1 to 200; 50 when left out.")] first: Option<i32>,
        #[graphql(desc = "Where the last preview ended: its `next`.")] after: Option<ID>,
    ) -> async_graphql::Result<NameRulePreview> {
        preview(cx, &input, first.unwrap_or(50), after).await.graphql()
    }
}

/// What an input asks for.
pub(super) fn parsed(input: &StartNameRuleInput) -> Result<(Option<LibraryId>, Rule, Pattern), Failure> {
    let library = input.library_id.as_ref();
    let library = library.map(|id| id::parse(id, "input.libraryId")).transpose()?;
    let pattern = Pattern::parse(&input.pattern, "input.pattern")?;
    let rule = Rule {
        pattern: input.pattern.clone(),
        replaces: input.replace,
        makes: input.create_missing,
    };
    Ok((library, rule, pattern))
}

async fn preview(
    cx: &Context<'_>,
    input: &StartNameRuleInput,
    first: i32,
    after: Option<ID>,
) -> Result<NameRulePreview, Failure> {
    if !(1..=MOST_SHOWN).contains(&first) {
        return Err(Failure::field("first", format!("between 1 and {MOST_SHOWN}")));
    }
    let (library, rule, pattern) = parsed(input)?;
    let after = after.map_or(Ok(MediaId(i64::MIN)), |after| id::parse(&after, "after"))?;
    let reader = cx.data_unchecked::<Kernel>().store.reader();
    let items = rule::items(reader, library, after, MOST_LOOKED_AT).await?;
    let mut said = rule.said(&pattern, &items);
    let is_cut = said.len() > first as usize;
    if let Some(beyond) = said.keys().nth(first as usize).copied() {
        drop(said.split_off(&beyond));
    }
    let last = match is_cut {
        true => said.keys().next_back().copied(),
        false => items
            .last()
            .map(|item| item.id)
            .filter(|_| items.len() as u64 == MOST_LOOKED_AT),
    };
    let looked_at = items.iter().take_while(|item| !is_cut || Some(item.id) <= last).count();
    let cards = Loaders::of(cx).card.get_many(said.keys().copied().collect()).await?;
    let shown = |card: std::sync::Arc<schema::media::card::Card>| {
        let Said {
            title,
            date,
            studio,
            people,
            tags,
            fields,
        } = said.remove(&card.id)?;
        Some(NameRuleMatch {
            media: Media::new(card),
            title,
            date: date.map(Date),
            studio,
            people,
            tags,
            fields: fields
                .into_iter()
                .map(|(field, text)| NameRuleValue { field, text })
                .collect(),
        })
    };
    Ok(NameRulePreview {
        matches: cards.into_iter().filter_map(shown).collect(),
        looked_at_count: looked_at as i64,
        next: last.map(id::id),
    })
}
