//! Facets, counted in memory.

use std::cmp::Reverse;

use super::table::{Dictionary, Item, Links, NONE, Table};
use crate::media::{
    facets::{Counts, Facet, KINDS},
    resolution::Resolution,
};

/// The counts of a facet over some items, the greatest first; the viewer's own ratings are not known here.
pub fn count(table: &Table, positions: &[u32], facet: Facet, first: usize) -> Option<Counts> {
    let items = || positions.iter().map(|at| &table.items[*at as usize]);
    let numbers = |counts: Vec<i64>, names: &Dictionary<i64>| {
        let values = names.values().iter().copied();
        Counts::Numbers(most(values.zip(counts), first))
    };
    Some(match facet {
        Facet::Tags => numbers(linked(&table.tags, positions), &table.tags.names),
        Facet::People => numbers(linked(&table.people, positions), &table.people.names),
        Facet::Studios => numbers(column(items(), &table.studios, |item| item.studio), &table.studios),
        Facet::Libraries => numbers(column(items(), &table.libraries, |item| item.library), &table.libraries),
        Facet::VideoCodecs => texts(items(), &table.video_codecs, first, |item| item.video_codec),
        Facet::AudioCodecs => texts(items(), &table.audio_codecs, first, |item| item.audio_codec),
        Facet::Classes => classes(items()),
        Facet::Years => years(table, items(), first),
        Facet::Ratings => return None,
    })
}

fn linked(links: &Links, positions: &[u32]) -> Vec<i64> {
    let mut counts = vec![0; links.names.values().len()];
    for at in positions {
        for number in links.of(*at) {
            counts[*number as usize] += 1;
        }
    }
    counts
}

fn column<'a, T: Clone + Eq + std::hash::Hash>(
    items: impl Iterator<Item = &'a Item>,
    dictionary: &Dictionary<T>,
    of: impl Fn(&Item) -> u32,
) -> Vec<i64> {
    let mut counts = vec![0; dictionary.values().len()];
    for number in items.map(of).filter(|number| *number != NONE) {
        counts[number as usize] += 1;
    }
    counts
}

fn texts<'a>(
    items: impl Iterator<Item = &'a Item>,
    dictionary: &Dictionary<String>,
    first: usize,
    of: impl Fn(&Item) -> u32,
) -> Counts {
    let counts = column(items, dictionary, of);
    Counts::Texts(most(dictionary.values().iter().cloned().zip(counts), first))
}

fn classes<'a>(items: impl Iterator<Item = &'a Item>) -> Counts {
    let mut counts = vec![0; KINDS + Resolution::ALL.len()];
    for item in items {
        if let Some(count) = counts[..KINDS].get_mut(usize::from(item.kind)) {
            *count += 1;
        }
        if let Some((width, height)) = item.pixels() {
            counts[KINDS + Resolution::of(width, height) as usize] += 1;
        }
    }
    Counts::Numbers((0..).zip(counts).collect())
}

fn years<'a>(table: &Table, items: impl Iterator<Item = &'a Item>, first: usize) -> Counts {
    let days = column(items, &table.dates, |item| item.date);
    let mut years = std::collections::BTreeMap::<i64, i64>::new();
    for (day, count) in table.dates.values().iter().zip(days) {
        // As a database reads the first four letters.
        let year = day.get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
        *years.entry(year).or_default() += count;
    }
    Counts::Numbers(most(years, first))
}

/// The greatest counts; of equal ones the greater values.
fn most<T: Ord>(counts: impl IntoIterator<Item = (T, i64)>, first: usize) -> Vec<(T, i64)> {
    let mut counts: Vec<(T, i64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    counts.sort_unstable_by(|one, other| Reverse((one.1, &one.0)).cmp(&Reverse((other.1, &other.0))));
    counts.truncate(first);
    counts
}
