//! Where a search stands in the texts of an item.

use std::sync::Arc;

use async_graphql::{Context, Enum, SimpleObject};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    media::card::Card,
    search::{
        self,
        highlight::{self, Piece},
        subtitles::lines::{Line, unpack},
        typo,
    },
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
    /// A line of its subtitles.
    Subtitle,
}

/// A text in which words of a search occur.
#[derive(SimpleObject)]
pub struct MediaHighlight {
    /// Which text.
    field: MediaText,
    /// The text in pieces, which make it up in their order.
    pieces: Vec<TextPiece>,
    /// When a line of subtitles shows, in seconds from the beginning; absent of other texts.
    at: Option<f64>,
}

/// A piece of a text.
#[derive(SimpleObject)]
pub struct TextPiece {
    /// The piece as it was written.
    text: String,
    /// Whether it was searched for.
    is_match: bool,
}

/// The texts of an item in which words of a search occur, in the order of their weight. Lines of subtitles are told where the
/// other texts do not have all words: the few that have the most of them.
pub async fn of(cx: &Context<'_>, card: &Card, search: &str) -> Result<Vec<MediaHighlight>, Failure> {
    let mut terms = search::parse(search)?;
    let loaders = Loaders::of(cx);
    let texts = texts(loaders, card).await?;
    let mut said = Vec::new();
    if !highlight::has_all(texts.iter().map(|(_, text)| text.as_str()), &terms) {
        let packed = loaders.said.get(card.id).await?;
        said = packed
            .iter()
            .flat_map(|texts| texts.iter())
            .flat_map(|text| unpack(text))
            .collect();
    }
    let lines = said.iter().map(|line: &Line| line.text.as_str());
    typo::guess(&mut terms, texts.iter().map(|(_, text)| text.as_str()).chain(lines));
    let highlight = |(field, text): (MediaText, String)| {
        let pieces = highlight::pieces(&text, &terms)?;
        Some(MediaHighlight::new(field, pieces, None))
    };
    let mut highlights: Vec<MediaHighlight> = texts.into_iter().filter_map(highlight).collect();
    highlights.extend(highlight::lines(&said, &terms).into_iter().map(|(at_ms, pieces)| {
        let at = f64::from(at_ms) / 1000.0;
        MediaHighlight::new(MediaText::Subtitle, pieces, Some(at))
    }));
    Ok(highlights)
}

impl MediaHighlight {
    fn new(field: MediaText, pieces: Vec<Piece>, at: Option<f64>) -> Self {
        let piece = |piece: Piece| TextPiece {
            text: piece.text,
            is_match: piece.is_match,
        };
        Self {
            field,
            pieces: pieces.into_iter().map(piece).collect(),
            at,
        }
    }
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
