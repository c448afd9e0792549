//! Where a search stands in the texts of an item.

use std::sync::Arc;

use async_graphql::{Context, Enum, SimpleObject};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    media::card::Card,
    search::{self, highlight, typo},
};

/// A text of an item that is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum MediaText {
    /// Its title.
    Title,
    /// The name of a tag.
    Tag,
    /// The name of a person.
    Person,
    /// The name of its studio.
    Studio,
    /// The path of a file.
    Path,
    /// Its description, or the part around the first match.
    Description,
}

/// A text in which words of a search occur.
#[derive(SimpleObject)]
pub struct MediaHighlight {
    /// Which text.
    field: MediaText,
    /// The text in pieces, which make it up in their order.
    pieces: Vec<TextPiece>,
}

/// A piece of a text.
#[derive(SimpleObject)]
pub struct TextPiece {
    /// The piece as it was written.
    text: String,
    /// Whether it was searched for.
    is_match: bool,
}

/// The texts of an item in which words of a search occur, in the order of their weight.
pub async fn of(cx: &Context<'_>, card: &Card, search: &str) -> Result<Vec<MediaHighlight>, Failure> {
    let mut terms = search::parse(search)?;
    let texts = texts(Loaders::of(cx), card).await?;
    typo::guess(&mut terms, texts.iter().map(|(_, text)| text.as_str()));
    let highlight = |(field, text): (MediaText, String)| {
        let pieces = highlight::pieces(&text, &terms)?.into_iter();
        let pieces = pieces.map(|piece| TextPiece {
            text: piece.text,
            is_match: piece.is_match,
        });
        Some(MediaHighlight {
            field,
            pieces: pieces.collect(),
        })
    };
    Ok(texts.into_iter().filter_map(highlight).collect())
}

async fn texts(loaders: &Loaders, card: &Card) -> Result<Vec<(MediaText, String)>, Failure> {
    let mut texts = vec![(MediaText::Title, card.title.clone())];
    let tags = loaders.media_tags.get(card.id).await?;
    let tags = tags.iter().flat_map(|tags| tags.iter().copied()).collect();
    let tags = loaders.tag.get_many(tags).await?;
    texts.extend(tags.iter().map(|tag| (MediaText::Tag, tag.name.clone())));
    let credits = loaders.credits.get(card.id).await?;
    let people = credits
        .iter()
        .flat_map(|credits| credits.iter().map(|credit| credit.person));
    let people = loaders.person.get_many(people.collect()).await?;
    texts.extend(people.iter().map(|person| (MediaText::Person, person.name.clone())));
    if let Some(studio) = card.studio_id
        && let Some(studio) = loaders.studio.get(studio).await?
    {
        texts.push((MediaText::Studio, studio.name.clone()));
    }
    let files = loaders
        .files
        .get(card.id)
        .await?
        .unwrap_or_else(|| Arc::new(Vec::new()));
    texts.extend(files.iter().map(|file| (MediaText::Path, file.path.clone())));
    let description = loaders.description.get(card.id).await?;
    let description = description.and_then(|description| description.as_ref().clone());
    texts.extend(description.map(|text| (MediaText::Description, text)));
    Ok(texts)
}
