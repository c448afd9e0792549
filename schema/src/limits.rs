//! The limits of one operation, applied where the schema is built, and what a page costs.

/// The deepest selection. The introspection query that clients send nests its types fifteen deep.
pub const DEPTH: usize = 16;
/// The deepest recursion of the parser.
pub const RECURSION: usize = 24;
/// The most an operation may cost; see [`page_cost`].
pub const COMPLEXITY: usize = 5_000;
/// The most directives on one field.
pub const DIRECTIVES: usize = 10;
/// The most aliases of an operation.
pub const ALIASES: usize = 30;
/// The most tokens of a document.
pub const TOKENS: usize = 2_000;
/// The longest request body, in bytes.
pub const BODY_BYTES: usize = 256 * 1024;
/// A page without `first` and `last`.
pub const PAGE_DEFAULT: usize = 50;
/// The largest page.
pub const PAGE: usize = 200;
/// The largest page of which only ids are selected.
pub const PAGE_OF_IDS: usize = 1_000;

/// What a page costs: its rows come in batches, so ten of them count as one field's work. A page of two hundred rich
/// cards fits; three nested levels of such pages do not.
pub fn page_cost(first: Option<i32>, last: Option<i32>, child_complexity: usize) -> usize {
    let rows = first.or(last).map_or(PAGE_DEFAULT, |rows| rows.max(0) as usize);
    1 + child_complexity * rows.div_ceil(10).max(1)
}
