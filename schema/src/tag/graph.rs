//! The graph of tags while it is being changed: who is above whom, and whether a change would close a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kernel::{error::Failure, sql, store::Tx};
use sea_orm::DbErr;

use crate::{
    kit::held,
    media::codes::{COLLECTION_CYCLE, STUDIO_CYCLE, TAG_CYCLE},
};

/// Who is right above whom.
#[derive(Debug, Default)]
pub struct Graph {
    above: BTreeMap<i64, BTreeSet<i64>>,
}

/// What a graph is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Tags: several may be above one.
    Tags,
    /// Studios and who owns them.
    Studios,
    /// Collections and those they are in.
    Collections,
}

impl Of {
    /// Where its edges are, the column of what is below, and which rows are edges.
    fn edges(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Tags => ("tag_parent", "tag_id", "true"),
            Self::Studios => ("studio", "id", "parent_id is not null"),
            Self::Collections => ("collection", "id", "parent_id is not null"),
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Tags => "tag",
            Self::Studios => "studio",
            Self::Collections => "collection",
        }
    }
}

impl Graph {
    /// Reads the graph and keeps others from changing it until the transaction ends: two changes that are right alone
    /// could close a circle together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(tx: &Tx, of: Of) -> Result<Self, DbErr> {
        let (table, column, condition) = of.edges();
        let hold = format!("lock table {table} in share row exclusive mode");
        // As text, which is what a held read gives.
        let edge = format!("cast({column} as text) || ' ' || cast(parent_id as text)");
        let query = format!("select 0 as part, {edge} as cells from {table} where {condition}");
        let mut graph = Self::default();
        for row in held::read(tx, &hold, &query).await? {
            let edge: String = row.try_get_by_index(1)?;
            let ids = edge
                .split_once(' ')
                .and_then(|(below, above)| Some((below.parse().ok()?, above.parse().ok()?)));
            let (below, above) = ids.ok_or_else(|| DbErr::Type(format!("`{edge}` is no edge of {table}")))?;
            graph.add(below, above);
        }
        Ok(graph)
    }

    /// Adds an edge.
    pub fn add(&mut self, below: i64, above: i64) {
        self.above.entry(below).or_default().insert(above);
    }

    /// Takes an edge away.
    pub fn remove(&mut self, below: i64, above: i64) {
        if let Some(all) = self.above.get_mut(&below) {
            all.remove(&above);
        }
    }

    /// The edges of these, upward and then downward, each once.
    pub fn edges_of(&self, ids: &[i64]) -> Vec<(i64, i64)> {
        let all = || {
            self.above
                .iter()
                .flat_map(|(below, above)| above.iter().map(move |above| (*below, *above)))
        };
        let upward = all().filter(|(below, _)| ids.contains(below));
        let downward = all().filter(|(below, above)| ids.contains(above) && !ids.contains(below));
        upward.chain(downward).collect()
    }

    /// A shortest way upward from one to another, both included.
    pub fn way(&self, from: i64, to: i64) -> Option<Vec<i64>> {
        let mut came_from: BTreeMap<i64, i64> = BTreeMap::new();
        let mut todo = VecDeque::from([from]);
        while let Some(here) = todo.pop_front() {
            if here == to {
                let mut way = vec![to];
                while way.last() != Some(&from) {
                    way.extend(way.last().and_then(|last| came_from.get(last)).copied());
                }
                way.reverse();
                return Some(way);
            }
            for above in self.above.get(&here).into_iter().flatten() {
                if *above != from && !came_from.contains_key(above) {
                    came_from.insert(*above, here);
                    todo.push_back(*above);
                }
            }
        }
        None
    }

    /// Refuses an edge that would close a circle; the error names the way around.
    ///
    /// # Errors
    /// When it would, or the database fails.
    pub async fn must_stay_open(&self, tx: &Tx, of: Of, below: i64, above: i64) -> Result<(), Failure> {
        let Some(way) = self.way(above, below) else {
            return Ok(());
        };
        let text = format!(
            "select id, name from {} where id in ({})",
            of.table(),
            sql::ids(way.iter().copied())
        );
        let mut names = BTreeMap::new();
        for row in sql::rows(&**tx, text, []).await? {
            names.insert(row.try_get_by_index::<i64>(0)?, row.try_get_by_index::<String>(1)?);
        }
        let name = |id: &i64| names.get(id).map_or_else(String::new, |name| format!("`{name}`"));
        let around: Vec<String> = std::iter::once(&below).chain(&way).map(name).collect();
        let around = around.join(" is in ");
        let code = match of {
            Of::Tags => &TAG_CYCLE,
            Of::Studios => &STUDIO_CYCLE,
            Of::Collections => &COLLECTION_CYCLE,
        };
        Err(Failure::new(code, format!("that would close a circle: {around}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_upward_is_found_through_any_parent_and_ends_in_circles() {
        let mut graph = Graph::default();
        for (below, above) in [(1, 2), (2, 3), (1, 4), (4, 5), (5, 3), (3, 6), (8, 9), (9, 8)] {
            graph.add(below, above);
        }
        assert_eq!(graph.way(1, 6), Some(vec![1, 2, 3, 6]));
        assert_eq!(graph.way(6, 1), None);
        assert_eq!(graph.way(1, 1), Some(vec![1]));
        assert_eq!(graph.way(8, 7), None);
        graph.remove(2, 3);
        assert_eq!(graph.way(1, 6), Some(vec![1, 4, 5, 3, 6]));
    }
}
