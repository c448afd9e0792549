//! The rows of a synthetic library, and the counters that belong to them.

use entities::id::UserId;
use kernel::store::Tx;
use schema::{kit::text::natural_key, search::subtitles::lines::Lines};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::{
    bulk::Bulk,
    item::{self, FOLDER_ITEMS, Item, LIBRARIES},
    plan::{BEGUN_MS, ENDED_MS, Plan, key},
    random::Random,
    words,
};

/// What the rows add up to.
pub struct Counters {
    tags: Vec<i64>,
    people: Vec<i64>,
    studios: Vec<i64>,
    libraries: [(i64, i64, i64); LIBRARIES.len()],
}

/// Rows on their way into the tables.
pub struct Rows {
    plan: Plan,
    users: Vec<UserId>,
    counters: Counters,
    n_files: usize,
    n_streams: usize,
    folders: Bulk,
    media: Bulk,
    files: Bulk,
    streams: Bulk,
    tags: Bulk,
    people: Bulk,
    own: Bulk,
    texts: Bulk,
    lines: Bulk,
}

impl Rows {
    /// No rows yet.
    pub fn new(plan: Plan, users: Vec<UserId>) -> Self {
        let counters = Counters {
            tags: vec![0; plan.n_tags],
            people: vec![0; plan.n_people],
            studios: vec![0; plan.n_studios],
            libraries: Default::default(),
        };
        Self {
            plan,
            users,
            counters,
            n_files: 0,
            n_streams: 0,
            folders: Bulk::new("folder", "id, library_path_id, path"),
            media: Bulk::new(
                "media",
                "id, library_id, kind, title, sort_title, title_origin, description, date, studio_id, primary_file_id, \
                 path, size, duration_us, width, height, frame_rate_num, frame_rate_den, bit_rate, video_codec, \
                 audio_codec, container, has_subtitles, n_files, added_at, modified_at, updated_at, missing_at",
            ),
            files: Bulk::new(
                "file",
                "id, media_id, library_id, folder_id, name, path, status, missing_at, size, mtime_ns, inode, device, \
                 fingerprint, container, duration_us, bit_rate, tags, has_cover, added_at, probed_at",
            ),
            streams: Bulk::new(
                "stream",
                r#"id, file_id, "index", kind, codec, language, is_default, is_forced, is_cover, duration_us,
                 time_base_num, time_base_den, width, height, rotation, channels, sample_rate, is_text, tags"#,
            ),
            tags: Bulk::new("media_tag", "media_id, tag_id, added_at"),
            people: Bulk::new("media_person", "media_id, person_id, role, position, added_at"),
            own: Bulk::new(
                "media_user",
                "media_id, user_id, rating, is_favorite, n_views, last_viewed_at, position_us, updated_at",
            ),
            texts: Bulk::new(
                "subtitle_text",
                "file_id, size, mtime_ns, beside, version, n_lines, read_at",
            ),
            lines: Bulk::new("subtitle_lines", "file_id, packed"),
        }
    }

    /// Libraries, tags, people and studios: what items refer to. Their counters are 0 until [`Rows::write_counters`].
    pub async fn write_names(&self, tx: &Tx) -> Result<(), DbErr> {
        let plan = &self.plan;
        let mut libraries = Bulk::new(
            "library",
            "id, name, kind, is_online, include_hidden, n_media, total_size, total_duration_us, created_at, updated_at",
        );
        let mut paths = Bulk::new("library_path", "id, library_id, path, position");
        for (n, (name, kind)) in LIBRARIES.into_iter().enumerate() {
            let zero = || Value::from(0_i64);
            let (name_value, kind) = (Value::from(name), Value::from(kind as i32));
            let (begun, now) = (Value::from(BEGUN_MS), Value::from(ENDED_MS));
            let (yes, no) = (Value::from(true), Value::from(false));
            libraries.push([
                key(n).into(),
                name_value,
                kind,
                yes,
                no,
                zero(),
                zero(),
                zero(),
                begun,
                now,
            ]);
            let path = format!("/srv/synthetic/{}", name.to_lowercase());
            paths.push([key(n).into(), key(n).into(), path.into(), 0_i32.into()]);
        }
        libraries.write(tx).await?;
        paths.write(tx).await?;

        let named = |n: usize, name: String| -> [Value; 6] {
            let sort_name = natural_key(&name);
            [
                key(n).into(),
                name.into(),
                sort_name.into(),
                0_i64.into(),
                BEGUN_MS.into(),
                BEGUN_MS.into(),
            ]
        };
        let columns = "id, name, sort_name, n_media, created_at, updated_at";
        let mut tags = Bulk::new("tag", columns);
        (0..plan.n_tags).for_each(|n| tags.push(named(n, tag_name(n))));
        tags.write(tx).await?;
        let mut parents = Bulk::new("tag_parent", "tag_id, parent_id");
        for (tag, parent) in tag_parents(plan) {
            parents.push([key(tag).into(), key(parent).into()]);
        }
        parents.write(tx).await?;
        let mut people = Bulk::new("person", columns);
        (0..plan.n_people).for_each(|n| people.push(named(n, person_name(n))));
        people.write(tx).await?;
        let mut studios = Bulk::new("studio", columns);
        (0..plan.n_studios).for_each(|n| studios.push(named(n, studio_name(n))));
        studios.write(tx).await
    }

    /// Adds the rows of an item; items come in order.
    pub fn push(&mut self, item: &Item) {
        let group = item.n / FOLDER_ITEMS;
        if item.n.is_multiple_of(FOLDER_ITEMS) {
            for library in 0..LIBRARIES.len() {
                let path = item::folder(&self.plan, group, library).into_bytes();
                let id = key(group * LIBRARIES.len() + library);
                self.folders.push([id.into(), key(library).into(), path.into()]);
            }
        }
        let folder = item::folder(&self.plan, group, item.library);
        let codec = |kind| {
            item.streams
                .iter()
                .find(|stream| stream.kind == kind)
                .map(|stream| stream.codec)
        };
        let (width, height) = item.extent.unzip();
        let (frame_rate_num, frame_rate_den) = item.frame_rate.unzip();
        let n_present = if item.is_missing { 0 } else { item.names.len() };
        let missing_at = item.is_missing.then_some(ENDED_MS);
        self.media.push([
            key(item.n).into(),
            key(item.library).into(),
            (item.kind as i32).into(),
            item.title.clone().into(),
            natural_key(&item.title).into(),
            0_i32.into(),
            item.description.clone().into(),
            item.date.clone().into(),
            item.studio.map(key).into(),
            key(self.n_files).into(),
            format!("{folder}/{}", item.names[0]).into(),
            item.size.into(),
            item.duration_us.into(),
            width.into(),
            height.into(),
            frame_rate_num.into(),
            frame_rate_den.into(),
            item.bit_rate.into(),
            codec(0).into(),
            codec(1).into(),
            item.container.into(),
            codec(2).is_some().into(),
            (n_present as i32).into(),
            item.added_at.into(),
            item.modified_at.into(),
            item.added_at.into(),
            missing_at.into(),
        ]);
        for name in &item.names {
            self.push_file(item, &folder, name);
        }
        for tag in &item.tags {
            self.tags
                .push([key(item.n).into(), key(*tag).into(), item.added_at.into()]);
        }
        for (position, (person, role)) in item.people.iter().enumerate() {
            let position = Value::from(position as i32);
            self.people.push([
                key(item.n).into(),
                key(*person).into(),
                (*role).into(),
                position,
                item.added_at.into(),
            ]);
        }
        for own in &item.own {
            self.own.push([
                key(item.n).into(),
                self.users[own.user].0.into(),
                own.rating.into(),
                own.is_favorite.into(),
                own.n_views.into(),
                own.last_viewed_at.into(),
                own.position_us.into(),
                ENDED_MS.into(),
            ]);
        }
        self.count(item);
    }

    fn push_file(&mut self, item: &Item, folder: &str, name: &str) {
        let (id, group) = (key(self.n_files), item.n / FOLDER_ITEMS);
        // Copies have the same bytes; nothing else does.
        let fingerprint = key(item.n).to_be_bytes().repeat(4);
        self.files.push([
            id.into(),
            key(item.n).into(),
            key(item.library).into(),
            key(group * LIBRARIES.len() + item.library).into(),
            name.as_bytes().to_vec().into(),
            format!("{folder}/{name}").into(),
            i32::from(item.is_missing).into(),
            item.is_missing.then_some(ENDED_MS).into(),
            item.size.into(),
            (item.modified_at * 1_000_000).into(),
            (self.n_files as i64).into(),
            1_i64.into(),
            fingerprint.into(),
            item.container.into(),
            item.duration_us.into(),
            item.bit_rate.into(),
            "[]".into(),
            false.into(),
            item.added_at.into(),
            item.added_at.into(),
        ]);
        for (index, stream) in item.streams.iter().enumerate() {
            let (width, height) = stream.extent.unzip();
            self.streams.push([
                key(self.n_streams).into(),
                id.into(),
                (index as i32).into(),
                stream.kind.into(),
                stream.codec.into(),
                stream.language.into(),
                (index == 0).into(),
                false.into(),
                false.into(),
                item.duration_us.into(),
                1_i32.into(),
                1_000_i32.into(),
                width.into(),
                height.into(),
                0_i32.into(),
                stream.channels.into(),
                stream.channels.map(|_| 48_000_i32).into(),
                (stream.kind == 2).into(),
                "[]".into(),
            ]);
            self.n_streams += 1;
        }
        if let Some(webvtt) = &item.webvtt {
            let mut lines = Lines::default();
            lines.add(webvtt);
            self.texts.push([
                id.into(),
                item.size.into(),
                (item.modified_at * 1_000_000).into(),
                "[]".into(),
                // No file is there to be read in a newer way.
                i32::MAX.into(),
                (lines.len() as i64).into(),
                item.added_at.into(),
            ]);
            self.lines.push([id.into(), lines.pack().into()]);
        }
        self.n_files += 1;
    }

    /// Counters say what lists show, and those leave out what is missing.
    fn count(&mut self, item: &Item) {
        if item.is_missing {
            return;
        }
        let counters = &mut self.counters;
        item.tags.iter().for_each(|tag| counters.tags[*tag] += 1);
        item.people.iter().for_each(|(person, _)| counters.people[*person] += 1);
        if let Some(studio) = item.studio {
            counters.studios[studio] += 1;
        }
        let (n_media, size, duration_us) = &mut counters.libraries[item.library];
        *n_media += 1;
        *size += item.size * item.names.len() as i64;
        *duration_us += item.duration_us.unwrap_or(0);
    }

    /// Writes the rows that wait, parents before children.
    pub async fn write(&mut self, tx: &Tx) -> Result<(), DbErr> {
        for bulk in [
            &mut self.folders,
            &mut self.media,
            &mut self.files,
            &mut self.streams,
            &mut self.tags,
            &mut self.people,
            &mut self.own,
            &mut self.texts,
            &mut self.lines,
        ] {
            bulk.write(tx).await?;
        }
        Ok(())
    }

    /// Writes what the rows add up to.
    pub async fn write_counters(&self, tx: &Tx) -> Result<(), DbErr> {
        let backend = tx.get_database_backend();
        let counters = &self.counters;
        for (table, counts) in [
            ("tag", &counters.tags),
            ("person", &counters.people),
            ("studio", &counters.studios),
        ] {
            for (chunk, counts) in counts.chunks(500).enumerate() {
                let row = |(n, count): (usize, &i64)| format!("({}, {count})", key(chunk * 500 + n));
                let rows: Vec<String> = counts.iter().enumerate().map(row).collect();
                let text = format!(
                    "with counted(id, n) as (values {}) update {table} set n_media = counted.n from counted \
                     where {table}.id = counted.id",
                    rows.join(", ")
                );
                tx.execute_unprepared(&text).await?;
            }
        }
        for (n, (n_media, size, duration_us)) in counters.libraries.iter().enumerate() {
            let text = "update library set n_media = $2, total_size = $3, total_duration_us = $4 where id = $1";
            let values = [key(n), *n_media, *size, *duration_us].map(Value::from);
            tx.execute_raw(Statement::from_sql_and_values(backend, text, values))
                .await?;
        }
        Ok(())
    }
}

/// Words and numbers: the popular ones are words alone.
fn tag_name(n: usize) -> String {
    match n / words::TAGS.len() {
        0 => words::TAGS[n].to_owned(),
        round => format!("{} {}", words::TAGS[n % words::TAGS.len()], round + 1),
    }
}

fn person_name(n: usize) -> String {
    let (given, family) = (words::GIVEN.len(), words::FAMILY.len());
    // Neighbors share neither name, and each pair occurs once before any occurs twice.
    let pair = n % (given * family);
    let name = format!(
        "{} {}",
        words::GIVEN[pair % given],
        words::FAMILY[(pair / given + pair) % family]
    );
    match n / (given * family) {
        0 => name,
        round => format!("{name} {}", round + 1),
    }
}

fn studio_name(n: usize) -> String {
    let (nouns, companies) = (words::NOUNS.len(), words::COMPANIES.len());
    let name = format!(
        "{} {}",
        words::NOUNS[n % nouns],
        words::COMPANIES[n / nouns % companies]
    );
    match n / (nouns * companies) {
        0 => name,
        round => format!("{name} {}", round + 1),
    }
}

/// A third of the tags are below a more popular one, and some of those below a second one.
fn tag_parents(plan: &Plan) -> Vec<(usize, usize)> {
    let random = &mut Random::new(plan.seed ^ 0x7a6, 0);
    let mut parents = Vec::new();
    for tag in 3..plan.n_tags {
        let n = [0, 0, 0, 0, 1, 1, 2][random.below(7) as usize];
        let mut above: Vec<usize> = (0..n).map(|_| random.below(tag as u64 / 3) as usize).collect();
        above.dedup();
        parents.extend(above.into_iter().map(|parent| (tag, parent)));
    }
    parents
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use entities::media::MediaKind;

    use super::*;

    #[test]
    fn names_are_unique_without_regard_to_case() {
        for name in [tag_name, person_name, studio_name] {
            let names: BTreeSet<String> = (0..20_000).map(|n| name(n).to_lowercase()).collect();
            assert_eq!(names.len(), 20_000);
        }
    }

    #[test]
    fn an_item_follows_from_its_number() {
        let plan = Plan::new(1_000, None, None, None, 5);
        for n in 0..1_000 {
            let (one, again) = (item::item(&plan, n, 3), item::item(&plan, n, 3));
            assert_eq!(format!("{one:?}"), format!("{again:?}"));
            assert_eq!(one.duration_us.is_some(), one.kind != MediaKind::Image);
        }
    }
}
