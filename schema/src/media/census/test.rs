//! Filters as tests of items in memory: the same algebra as the conditions in SQL, over what the census knows. What it does
//! not know holds for everything, so that a test finds all that its filter finds and perhaps more.

use std::str::FromStr;

use async_graphql::ID;
use entities::id::{IdError, LibraryId, MediaId, PersonId, StudioId, TagId, TypedId};
use kernel::error::Failure;

use super::{
    own::Own,
    table::{Dictionary, Item, Links, NONE, Table},
};
use crate::{
    kit::{
        criterion::{BytesCriterion, DateTimeCriterion, IntCriterion, SecondsCriterion, TextCriterion},
        id::parse_many,
        libraries::Libraries,
    },
    media::{
        filter::{self, Descendants},
        inputs::{MediaFilter, MediaKind, RelationCriterion},
        resolution::ResolutionCriterion,
    },
};

/// Lists of values are looked through for each item: longer ones are for the database.
const MOST_VALUES: usize = 16;

/// A test of items.
#[derive(Debug)]
enum Test<'a> {
    All(Vec<Test<'a>>),
    Any(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    Tagged(Wanted),
    Credited(Wanted),
    Studio(Wanted),
    Library(Wanted),
    Kind([bool; 3]),
    Height(&'a IntCriterion),
    Width(&'a IntCriterion),
    Duration(&'a SecondsCriterion),
    Size(&'a BytesCriterion),
    AddedAt(&'a DateTimeCriterion),
    Resolution(&'a ResolutionCriterion),
    Date(Wanted),
    VideoCodec(Wanted),
    AudioCodec(Wanted),
    Container(Wanted),
    HasSubtitles(bool),
    IsMissing(bool),
    /// Positions, in order.
    Is(Vec<u32>),
    Rating(&'a IntCriterion, &'a Own),
    IsFavorite(bool, &'a Own),
    ViewCount(&'a IntCriterion, &'a Own),
}

/// Which numbers of a dictionary are wanted, and whether none at all is.
#[derive(Debug)]
struct Wanted {
    numbers: Vec<bool>,
    none: bool,
}

impl Wanted {
    /// Those of which something holds; absent where it cannot be said of one.
    fn of<T: Clone + Eq + std::hash::Hash>(
        dictionary: &Dictionary<T>,
        holds: impl Fn(Option<&T>) -> Option<bool>,
    ) -> Option<Self> {
        let numbers = dictionary.values().iter().map(|value| holds(Some(value)));
        Some(Self {
            numbers: numbers.collect::<Option<_>>()?,
            none: holds(None)?,
        })
    }

    fn ids<T: TypedId>(dictionary: &Dictionary<i64>, ids: &[T]) -> Self {
        let mut numbers = vec![false; dictionary.values().len()];
        for id in ids {
            if let Some(number) = dictionary.find(&(*id).into()) {
                numbers[number as usize] = true;
            }
        }
        Self { numbers, none: false }
    }

    fn has(&self, number: u32) -> bool {
        match number {
            NONE => self.none,
            number => self.numbers[number as usize],
        }
    }

    fn any_of(&self, numbers: &[u32]) -> bool {
        match numbers {
            [] => self.none,
            numbers => numbers.iter().any(|number| self.numbers[*number as usize]),
        }
    }
}

/// A filter as a test, with which items there are for who asks.
#[derive(Debug)]
pub struct Plan<'a> {
    test: Test<'a>,
    /// What of the filter it does not tell: what it finds is what the filter finds if this holds for it, too.
    pub rest: Option<MediaFilter>,
}

impl<'a> Plan<'a> {
    /// The plan of a filter; `own` is what the viewer did, if that is known.
    ///
    /// # Errors
    /// An id is none.
    pub fn new(
        table: &Table,
        own: Option<&'a Own>,
        filter: Option<&'a MediaFilter>,
        descendants: &Descendants,
        sees: &Libraries,
    ) -> Result<Self, Failure> {
        let planner = Planner {
            table,
            own,
            descendants,
        };
        let (mut all, mut rest) = (Vec::new(), None);
        if let Libraries::Only(some) = sees {
            let some: Vec<LibraryId> = some.iter().copied().collect();
            all.push(Test::Library(Wanted::ids(&table.libraries, &some)));
        }
        if !filter.is_some_and(filter::mentions_missing) {
            all.push(Test::IsMissing(false));
        }
        if let Some(filter) = filter {
            let (test, left) = planner.tree(filter)?;
            all.push(test);
            rest = left;
        }
        Ok(Self {
            test: Test::All(all),
            rest,
        })
    }

    /// The positions of the items that it holds for.
    pub fn find(&self, table: &Table) -> Vec<u32> {
        let at = |at: &u32| {
            let item = &table.items[*at as usize];
            !item.is_gone && holds(&self.test, table, *at, item)
        };
        (0..table.items.len() as u32).filter(at).collect()
    }
}

struct Planner<'t, 'a> {
    table: &'t Table,
    own: Option<&'a Own>,
    descendants: &'t Descendants,
}

impl<'a> Planner<'_, 'a> {
    /// The test of a filter, and what it leaves untold.
    fn tree(&self, filter: &'a MediaFilter) -> Result<(Test<'a>, Option<MediaFilter>), Failure> {
        let (mut all, mut rest) = (Vec::new(), None::<MediaFilter>);
        for inner in filter.and.iter().flatten() {
            let (test, left) = self.tree(inner)?;
            all.push(test);
            if let Some(left) = left {
                rest.get_or_insert_default().and.get_or_insert_default().push(left);
            }
        }
        if let Some(filters) = &filter.or {
            let parts: Result<Vec<_>, Failure> = filters.iter().map(|inner| self.tree(inner)).collect();
            let (any, left): (Vec<_>, Vec<_>) = parts?.into_iter().unzip();
            all.push(Test::Any(any));
            if left.iter().any(Option::is_some) {
                rest.get_or_insert_default().or = Some(filters.clone());
            }
        }
        if let Some(inner) = &filter.not {
            match self.tree(inner)? {
                (test, None) => all.push(Test::Not(Box::new(test))),
                // What is not in more than a filter finds may be in what it finds.
                (_, Some(_)) => rest.get_or_insert_default().not = Some(inner.clone()),
            }
        }
        self.links(&mut all, filter)?;
        self.values(&mut all, &mut rest, filter);
        Ok((Test::All(all), rest))
    }

    fn links(&self, all: &mut Vec<Test<'a>>, filter: &'a MediaFilter) -> Result<(), Failure> {
        let table = self.table;
        if let Some(ids) = &filter.ids {
            let ids = parse_many::<MediaId>(ids, "filter.ids")?;
            let mut at: Vec<u32> = ids.iter().filter_map(|id| table.position(id.0)).collect();
            at.sort_unstable();
            all.push(Test::Is(at));
        }
        if let Some(tags) = &filter.tags {
            let below = |ids: Vec<TagId>| match tags.include_descendants {
                true => filter::with_descendants(self.descendants, &ids),
                false => ids,
            };
            relation::<TagId>(all, &tags.relations(), &table.tags.names, below, Test::Tagged)?;
        }
        if let Some(people) = &filter.people {
            relation::<PersonId>(all, people, &table.people.names, |ids| ids, Test::Credited)?;
        }
        if let Some(studio) = &filter.studio {
            relation::<StudioId>(all, studio, &table.studios, |ids| ids, Test::Studio)?;
        }
        if let Some(library) = &filter.library {
            relation::<LibraryId>(all, library, &table.libraries, |ids| ids, Test::Library)?;
        }
        Ok(())
    }

    fn values(&self, all: &mut Vec<Test<'a>>, rest: &mut Option<MediaFilter>, filter: &'a MediaFilter) {
        let table = self.table;
        if let Some(kind) = &filter.kind {
            let kinds = [MediaKind::Video, MediaKind::Audio, MediaKind::Image];
            let mut wanted = [false; 3];
            for one in kinds {
                wanted[entities::media::MediaKind::from(one) as usize] = kind.holds(one);
            }
            all.push(Test::Kind(wanted));
        }
        if let Some(resolution) = &filter.resolution {
            all.push(Test::Resolution(resolution));
        }
        macro_rules! ordered {
            ($($field:ident: $test:path),+) => {
                $(match &filter.$field {
                    Some(criterion) if criterion.n_values() <= MOST_VALUES => all.push($test(criterion)),
                    Some(criterion) => rest.get_or_insert_default().$field = Some(criterion.clone()),
                    None => {}
                })+
            };
        }
        ordered!(
            height: Test::Height, width: Test::Width, duration: Test::Duration, size: Test::Size,
            added_at: Test::AddedAt
        );
        if let Some(date) = &filter.date {
            let wanted = Wanted::of(&table.dates, |held| Some(date.holds(held)));
            all.extend(wanted.map(Test::Date));
        }
        type Texts<'a> = (
            &'a Option<TextCriterion>,
            &'a Dictionary<String>,
            fn(Wanted) -> Test<'static>,
            fn(&mut MediaFilter) -> &mut Option<TextCriterion>,
        );
        let texts: [Texts<'_>; 3] = [
            (&filter.video_codec, &table.video_codecs, Test::VideoCodec, |rest| {
                &mut rest.video_codec
            }),
            (&filter.audio_codec, &table.audio_codecs, Test::AudioCodec, |rest| {
                &mut rest.audio_codec
            }),
            (&filter.container, &table.containers, Test::Container, |rest| {
                &mut rest.container
            }),
        ];
        for (criterion, dictionary, test, left) in texts {
            let Some(criterion) = criterion else { continue };
            match Wanted::of(dictionary, |held| criterion.holds(held.map(String::as_str))) {
                Some(wanted) => all.push(test(wanted)),
                None => *left(rest.get_or_insert_default()) = Some(criterion.clone()),
            }
        }
        all.extend(filter::wanted(&filter.has_subtitles).map(Test::HasSubtitles));
        all.extend(filter::wanted(&filter.is_missing).map(Test::IsMissing));
        self.deeds(all, rest, filter);
        if filter.path.is_some() || filter.title.is_some() || filter.custom_fields.is_some() {
            let rest = rest.get_or_insert_default();
            rest.path = filter.path.clone();
            rest.title = filter.title.clone();
            rest.custom_fields = filter.custom_fields.clone();
        }
    }

    /// What the viewer did.
    fn deeds(&self, all: &mut Vec<Test<'a>>, rest: &mut Option<MediaFilter>, filter: &'a MediaFilter) {
        let is_favorite = filter::wanted(&filter.is_favorite);
        let Some(own) = self.own else {
            if filter.rating.is_some() || is_favorite.is_some() || filter.view_count.is_some() {
                let rest = rest.get_or_insert_default();
                rest.rating = filter.rating.clone();
                rest.is_favorite = filter.is_favorite.clone();
                rest.view_count = filter.view_count.clone();
            }
            return;
        };
        match &filter.rating {
            Some(criterion) if criterion.n_values() <= MOST_VALUES => all.push(Test::Rating(criterion, own)),
            Some(criterion) => rest.get_or_insert_default().rating = Some(criterion.clone()),
            None => {}
        }
        match &filter.view_count {
            Some(criterion) if criterion.n_values() <= MOST_VALUES => all.push(Test::ViewCount(criterion, own)),
            Some(criterion) => rest.get_or_insert_default().view_count = Some(criterion.clone()),
            None => {}
        }
        all.extend(is_favorite.map(|wanted| Test::IsFavorite(wanted, own)));
    }
}

/// The tests of a criterion on what items are linked to.
fn relation<'a, T: TypedId + FromStr<Err = IdError>>(
    all: &mut Vec<Test<'a>>,
    criterion: &RelationCriterion,
    names: &Dictionary<i64>,
    expand: impl Fn(Vec<T>) -> Vec<T>,
    test: fn(Wanted) -> Test<'a>,
) -> Result<(), Failure> {
    let typed = |ids: &[ID]| parse_many::<T>(ids, "filter");
    let one_of = |ids: Vec<T>| test(Wanted::ids(names, &expand(ids)));
    if let Some(ids) = &criterion.any_of {
        all.push(one_of(typed(ids)?));
    }
    for id in typed(criterion.all_of.as_deref().unwrap_or_default())? {
        all.push(one_of(vec![id]));
    }
    if let Some(ids) = &criterion.none_of {
        all.push(Test::Not(Box::new(one_of(typed(ids)?))));
    }
    if let Some(is_empty) = criterion.is_empty {
        all.push(test(Wanted {
            numbers: vec![!is_empty; names.values().len()],
            none: is_empty,
        }));
    }
    Ok(())
}

fn holds(test: &Test<'_>, table: &Table, at: u32, item: &Item) -> bool {
    let linked = |links: &Links, wanted: &Wanted| wanted.any_of(links.of(at));
    match test {
        Test::All(tests) => tests.iter().all(|test| holds(test, table, at, item)),
        Test::Any(tests) => tests.iter().any(|test| holds(test, table, at, item)),
        Test::Not(test) => !holds(test, table, at, item),
        Test::Tagged(wanted) => linked(&table.tags, wanted),
        Test::Credited(wanted) => linked(&table.people, wanted),
        Test::Studio(wanted) => wanted.has(item.studio),
        Test::Library(wanted) => wanted.has(item.library),
        Test::Kind(wanted) => wanted.get(usize::from(item.kind)).is_some_and(|wanted| *wanted),
        Test::Height(criterion) => criterion.holds(item.height.as_ref()),
        Test::Width(criterion) => criterion.holds(item.width.as_ref()),
        Test::Duration(criterion) => criterion.holds(item.duration_us.as_ref()),
        Test::Size(criterion) => criterion.holds(Some(&item.size)),
        Test::AddedAt(criterion) => criterion.holds(Some(&item.added_at)),
        Test::Resolution(criterion) => criterion.holds(item.pixels()),
        Test::Date(wanted) => wanted.has(item.date),
        Test::VideoCodec(wanted) => wanted.has(item.video_codec),
        Test::AudioCodec(wanted) => wanted.has(item.audio_codec),
        Test::Container(wanted) => wanted.has(item.container),
        Test::HasSubtitles(wanted) => item.has_subtitles == *wanted,
        Test::IsMissing(wanted) => item.is_missing == *wanted,
        Test::Is(positions) => positions.binary_search(&at).is_ok(),
        Test::Rating(criterion, own) => criterion.holds(own.of(table.ids[at as usize]).rating.as_ref()),
        Test::IsFavorite(wanted, own) => own.of(table.ids[at as usize]).is_favorite == *wanted,
        Test::ViewCount(criterion, own) => {
            let n_views = own.of(table.ids[at as usize]).n_views;
            criterion.holds(Some(&i32::try_from(n_views).unwrap_or(i32::MAX)))
        }
    }
}
