//! Filters by chance, of values that occur; none contradicts itself, for those are refused.

use entities::custom_field::FieldKind;
use serde_json::{Map, Value as Json, json};

use super::holds::{Item, World};

/// The criteria that occur in trees.
pub const CRITERIA: [&str; 24] = [
    "ids",
    "tags",
    "people",
    "studio",
    "library",
    "rating",
    "isFavorite",
    "viewCount",
    "kind",
    "duration",
    "height",
    "width",
    "size",
    "path",
    "title",
    "videoCodec",
    "audioCodec",
    "container",
    "hasSubtitles",
    "addedAt",
    "date",
    "isMissing",
    "resolution",
    "customFields",
];

/// Makes trees.
pub struct Trees<'a> {
    world: &'a World,
    state: u64,
}

impl<'a> Trees<'a> {
    /// The trees of a seed.
    pub fn new(world: &'a World, seed: u64) -> Self {
        Self {
            world,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// The next tree.
    pub fn next(&mut self) -> Json {
        let depth = self.below(4);
        self.tree(depth)
    }

    // SplitMix64.
    fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % n.max(1) as u64) as usize
    }

    fn pick<'b, T>(&mut self, from: &'b [T]) -> &'b T {
        &from[self.below(from.len())]
    }

    fn item(&mut self) -> &'a Item {
        let world = self.world;
        self.pick(&world.items)
    }

    fn tree(&mut self, depth: usize) -> Json {
        let mut node = Map::new();
        let most = if depth == 0 { 3 } else { 2 };
        for _ in 0..=self.below(most) {
            let name = *self.pick(&CRITERIA);
            let criterion = self.criterion(name);
            node.insert(name.to_owned(), criterion);
        }
        if depth > 0 {
            if self.below(3) == 0 {
                // Inner nodes without criteria of their own let more through.
                node.clear();
            }
            for _ in 0..=self.below(2) {
                match self.below(5) {
                    0 | 1 => drop(node.insert("and".to_owned(), self.trees(depth - 1))),
                    2 | 3 => drop(node.insert("or".to_owned(), self.trees(depth - 1))),
                    _ => drop(node.insert("not".to_owned(), self.tree(depth - 1))),
                }
            }
        }
        Json::Object(node)
    }

    /// Several, or rarely none.
    fn trees(&mut self, depth: usize) -> Json {
        let n = if self.below(12) == 0 { 0 } else { 1 + self.below(3) };
        (0..n).map(|_| self.tree(depth)).collect()
    }

    fn criterion(&mut self, name: &str) -> Json {
        match name {
            "ids" => (0..self.below(400))
                .map(|_| json!(self.item().row.id.to_string()))
                .collect(),
            "tags" => {
                let mut criterion = self.relation(&self.world.tags.clone(), true);
                if self.below(2) == 0 {
                    criterion["includeDescendants"] = json!(true);
                    // What is below a tag that is wanted may be ruled out: then nothing is left, which is no contradiction.
                }
                criterion
            }
            "people" => self.relation(&self.world.people.clone(), true),
            "studio" => self.relation(&self.world.studios.clone(), false),
            "library" => {
                let mut criterion = self.relation(&self.world.libraries.clone(), false);
                if criterion["isEmpty"] == true {
                    criterion = json!({ "isEmpty": false });
                }
                criterion
            }
            "rating" => self.ordered(|item| json!(item.own.as_ref().and_then(|own| own.rating))),
            "viewCount" => self.ordered(|item| json!(item.own.as_ref().map_or(0, |own| own.n_views))),
            "height" => self.ordered(|item| json!(item.row.height)),
            "width" => self.ordered(|item| json!(item.row.width)),
            "size" => self.ordered(|item| json!(item.row.size)),
            "duration" => self.ordered(|item| json!(item.row.duration_us.map(|us| us as f64 / 1e6))),
            "date" => self.ordered(|item| json!(item.row.date)),
            "addedAt" => self.ordered(|item| {
                json!(
                    jiff::Timestamp::from_millisecond(item.row.added_at)
                        .map(|moment| moment.to_string())
                        .unwrap_or_default()
                )
            }),
            "path" => self.text(|item| Some(item.row.path.clone())),
            "title" => self.text(|item| Some(item.row.title.clone())),
            "videoCodec" => self.text(|item| item.row.video_codec.clone()),
            "audioCodec" => self.text(|item| item.row.audio_codec.clone()),
            "container" => self.text(|item| item.row.container.clone()),
            "customFields" => (0..=self.below(2)).map(|_| self.custom_field()).collect(),
            "kind" => {
                let kind = *self.pick(&["VIDEO", "AUDIO", "IMAGE"]);
                match self.below(3) {
                    0 => json!({ "eq": kind }),
                    1 => json!({ "ne": kind }),
                    _ => json!({ "in": [kind, self.pick(&["VIDEO", "AUDIO", "IMAGE"])] }),
                }
            }
            "resolution" => {
                const CLASSES: [&str; 6] = ["SD", "HD", "FULL_HD", "QUAD_HD", "ULTRA_HD_4K", "ULTRA_HD_8K"];
                match self.below(2) {
                    0 => json!({ "eq": self.pick(&CLASSES) }),
                    _ => json!({ "in": [self.pick(&CLASSES), self.pick(&CLASSES)] }),
                }
            }
            _ => match self.below(8) {
                0 => json!({}),
                n => json!({ "eq": n % 2 == 0 }),
            },
        }
    }

    /// What may be said of a field's value; now and then of another kind than the field's.
    fn custom_field(&mut self) -> Json {
        let ids: Vec<&'a String> = self.world.fields.keys().collect();
        let id = *self.pick(&ids);
        let kind = match self.below(10) {
            0 => *self.pick(&[FieldKind::Text, FieldKind::Number, FieldKind::Date, FieldKind::Boolean]),
            _ => self.world.fields[id],
        };
        let of = |item: &Item| item.fields.get(id).cloned();
        let mut said = match kind {
            FieldKind::Text | FieldKind::Choice => json!({ "text": self.text(|item| of(item)?.text_value) }),
            FieldKind::Date => json!({ "date": self.ordered(|item| json!(of(item).and_then(|row| row.text_value)
                .filter(|text| text.starts_with("20")))) }),
            FieldKind::Boolean => json!({ "boolean": { "eq": self.below(2) == 0 } }),
            FieldKind::Number => {
                let (one, other) = (self.below(41) as f64 / 2.0 - 5.0, self.below(41) as f64 / 2.0 - 5.0);
                let operator = *self.pick(&["eq", "gt", "gte", "lt", "lte"]);
                match self.below(3) {
                    0 => json!({ "number": { "gte": one.min(other), "lt": one.max(other) } }),
                    _ => json!({ "number": { operator: one } }),
                }
            }
        };
        said["fieldId"] = json!(id);
        if self.below(5) == 0 {
            said["isSet"] = json!({ "eq": self.below(2) == 0 });
        }
        said
    }

    fn relation(&mut self, ids: &[String], has_many: bool) -> Json {
        // The first are the most frequent.
        let near = self.below(ids.len()).max(1);
        let some = |trees: &mut Self, n: usize| -> Vec<String> {
            let mut some: Vec<String> = (0..n).map(|_| ids[trees.below(near)].clone()).collect();
            some.sort();
            some.dedup();
            some
        };
        match self.below(6) {
            0 | 1 => {
                let n = self.below(4);
                json!({ "anyOf": some(self, n) })
            }
            2 => {
                let n = if has_many { 1 + self.below(2) } else { 1 };
                json!({ "allOf": some(self, n) })
            }
            3 => {
                let n = self.below(4);
                json!({ "noneOf": some(self, n) })
            }
            4 => {
                let (any_of, none_of) = (some(self, 3), some(self, 2));
                let none_of: Vec<String> = none_of.into_iter().filter(|id| !any_of.contains(id)).collect();
                json!({ "anyOf": any_of, "noneOf": none_of })
            }
            _ => json!({ "isEmpty": self.below(2) == 0 }),
        }
    }

    fn ordered(&mut self, value: impl Fn(&Item) -> Json) -> Json {
        // Values that are absent stand for nothing to compare with.
        let mut values = Vec::new();
        for _ in 0..40 {
            let drawn = value(self.item());
            if !drawn.is_null() {
                values.push(drawn);
            }
            if values.len() == 3 {
                break;
            }
        }
        let [one, other, third] = values.as_slice() else {
            return json!({ "isNull": self.below(2) == 0 });
        };
        let is_less = match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one < other,
            _ => one.as_str() < other.as_str(),
        };
        let (least, most) = if is_less { (one, other) } else { (other, one) };
        match self.below(12) {
            0 => json!({ "eq": one }),
            1 => json!({ "ne": one }),
            2 => json!({ "in": values }),
            3 => json!({ "notIn": [one, other] }),
            4 => json!({ "gt": one }),
            5 => json!({ "gte": one }),
            6 => json!({ "lt": one }),
            7 => json!({ "lte": one }),
            8 | 9 => json!({ "between": { "from": least, "to": most } }),
            10 => json!({ "gte": least, "lte": most, "ne": third }),
            _ => json!({ "isNull": self.below(2) == 0 }),
        }
    }

    fn text(&mut self, value: impl Fn(&Item) -> Option<String>) -> Json {
        let Some(text) = (0..10).find_map(|_| value(self.item())) else {
            return json!({ "isNull": true });
        };
        let (from, to) = (self.below(text.len()), self.below(text.len()));
        let part = &text[Ord::min(from, to)..Ord::max(from, to)];
        let part = match self.below(4) {
            0 => part.to_uppercase(),
            1 => format!("{part}%"),
            _ => part.to_owned(),
        };
        match self.below(10) {
            0 => json!({ "eq": text }),
            1 => json!({ "ne": text }),
            2 => json!({ "in": [text, part] }),
            3 => json!({ "notIn": [text] }),
            4 | 5 => json!({ "contains": part }),
            6 => json!({ "notContains": part }),
            7 => json!({ "startsWith": text[..to].to_lowercase() }),
            8 => json!({ "endsWith": text[from..].to_uppercase() }),
            _ => json!({ "isNull": self.below(2) == 0 }),
        }
    }
}
