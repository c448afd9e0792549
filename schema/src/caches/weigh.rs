//! What cached rows weigh, in bytes: what they hold on the heap, and themselves.

use entities::{chapter, file, library, page, person, stream, studio, tag};

use super::{ByFile, Credit, FolderPlace, Kin, LibraryRow};

pub(super) fn tag(tag: &tag::Model) -> u32 {
    let texts = [&tag.color, &tag.description]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    (size_of::<tag::Model>() + tag.name.len() + tag.sort_name.len() + texts) as u32
}

pub(super) fn person(person: &person::Model) -> u32 {
    let text = person.description.as_ref().map_or(0, String::len);
    (size_of::<person::Model>() + person.name.len() + person.sort_name.len() + text) as u32
}

pub(super) fn studio(studio: &studio::Model) -> u32 {
    (size_of::<studio::Model>() + studio.name.len() + studio.sort_name.len()) as u32
}

pub(super) fn text(text: &Option<String>) -> u32 {
    24 + text.as_ref().map_or(0, String::len) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn names(names: &Vec<String>) -> u32 {
    names.iter().map(|name| 24 + name.len() as u32).sum()
}

pub(super) fn kin(kin: &Kin) -> u32 {
    48 + 8 * (kin.parents.len() + kin.children.len()) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn credits(credits: &Vec<Credit>) -> u32 {
    credits
        .iter()
        .map(|credit| 32 + credit.role.as_ref().map_or(0, String::len) as u32)
        .sum()
}

pub(super) fn library(row: &LibraryRow) -> u32 {
    size_of::<library::Model>() as u32 + names(&row.paths)
}

pub(super) fn folder(place: &FolderPlace) -> u32 {
    (place.root.len() + place.path.len()) as u32
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn files(files: &Vec<file::Model>) -> u32 {
    let texts = |file: &file::Model| file.name.len() + file.path.len() + file.tags.len() + 64;
    files
        .iter()
        .map(|file| (size_of::<file::Model>() + texts(file)) as u32)
        .sum()
}

pub(super) fn streams(streams: &ByFile<stream::Model>) -> u32 {
    let weigh = |stream: &stream::Model| (size_of::<stream::Model>() + stream.tags.len() + 128) as u32;
    48 + streams.values().flatten().map(weigh).sum::<u32>()
}

pub(super) fn chapters(chapters: &ByFile<chapter::Model>) -> u32 {
    let weigh =
        |chapter: &chapter::Model| (size_of::<chapter::Model>() + chapter.title.as_ref().map_or(0, String::len)) as u32;
    48 + chapters.values().flatten().map(weigh).sum::<u32>()
}

pub(super) fn pages(pages: &ByFile<page::Model>) -> u32 {
    let pages = pages.values().flatten();
    pages
        .map(|page| (size_of::<page::Model>() + page.name.len()) as u32)
        .sum::<u32>()
        + 64
}

#[expect(clippy::ptr_arg, reason = "a weigher gets the type that its cache holds")]
pub(super) fn said(texts: &Vec<Vec<u8>>) -> u32 {
    24 + texts.iter().map(|text| text.len() as u32 + 24).sum::<u32>()
}
