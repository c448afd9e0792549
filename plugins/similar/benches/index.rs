//! Which index finds the neighbors of 64-bit hashes soonest: `cargo bench -p plugin-similar`.
//!
//! A million random hashes and 10,000 planted neighbors; single queries within 6 and within 10 bits, and all pairs within
//! 6. Every contender must find what a comparison of all with all finds on a sample of 20,000.

#![allow(
    clippy::print_stdout,
    missing_docs,
    unused_crate_dependencies,
    reason = "a bench says what it measured"
)]

#[path = "../src/index/hashes.rs"]
#[expect(dead_code, reason = "a bench does not use everything of the index")]
mod hashes;

use std::{
    collections::HashSet,
    hint::black_box,
    time::{Duration, Instant},
};

use hashes::HashIndex;

const N_RANDOM: usize = 1_000_000;
const N_PLANTED: usize = 10_000;
const N_SAMPLE: usize = 20_000;

fn main() {
    let world = world(N_RANDOM, N_PLANTED);
    // The planted neighbors and what they are neighbors of.
    let sample: Vec<u64> = planted()
        .flat_map(|(one, other)| [world[one as usize], world[other as usize]])
        .collect();
    assert_eq!(sample.len(), N_SAMPLE);
    println!("{} hashes, {} planted", world.len(), N_PLANTED);

    for distance in [6, 10] {
        let expected = pairs_by_force(&sample, distance);
        let index = indexed(&sample);
        assert_eq!(
            pairs(&sample, |hash, found| index.within(hash, distance, found)),
            expected
        );
        let tree = Tree::of(&sample);
        assert_eq!(
            pairs(&sample, |hash, found| tree.within(hash, distance, found)),
            expected
        );
        println!(
            "sample of {N_SAMPLE}: {} pairs within {distance}, the same by force",
            expected.len()
        );
    }

    let begun = Instant::now();
    let index = indexed(&world);
    println!(
        "multi-index hashing: built in {:.1?}, {:.1} MB",
        begun.elapsed(),
        index.bytes() as f64 / 1e6
    );
    let begun = Instant::now();
    let tree = Tree::of(&world);
    println!(
        "BK-tree: built in {:.1?}, {:.1} MB",
        begun.elapsed(),
        tree.bytes() as f64 / 1e6
    );
    for distance in [6, 10] {
        time(
            &format!("multi-index hashing within {distance}"),
            &world,
            20_000,
            |hash| {
                index.within(hash, distance, |key, _| {
                    black_box(key);
                })
            },
        );
        time(&format!("BK-tree within {distance}"), &world, 200, |hash| {
            tree.within(hash, distance, |key, _| {
                black_box(key);
            })
        });
        time(&format!("linear scan within {distance}"), &world, 1_000, |hash| {
            let near = |other: &&u64| (hash ^ **other).count_ones() <= distance;
            black_box(world.iter().filter(near).count());
        });
    }

    for hash in world.iter().step_by(world.len() / 200) {
        let mut near = 0;
        index.within(*hash, 6, |_, _| near += 1);
        let n = world.iter().filter(|other| (*hash ^ **other).count_ones() <= 6).count();
        assert_eq!(near, n, "neighbors of {hash:016x} among all");
    }
    let begun = Instant::now();
    let found = pairs(&world, |hash, found| index.within(hash, 6, found));
    println!(
        "all pairs within 6 of {}: {} in {:.2?}",
        world.len(),
        found.len(),
        begun.elapsed()
    );
    assert!(
        planted().all(|(one, other)| found.contains(&(one, other))),
        "a planted neighbor was not found"
    );
    let mut growing = indexed(&world[..N_RANDOM]);
    let begun = Instant::now();
    for (key, hash) in world.iter().enumerate().skip(N_RANDOM) {
        growing.insert(key as i64, *hash);
    }
    println!("{N_PLANTED} inserts one by one: {:.1?}", begun.elapsed());
}

fn indexed(hashes: &[u64]) -> HashIndex {
    HashIndex::of(hashes.iter().enumerate().map(|(key, hash)| (key as i64, *hash)))
}

/// Random hashes, then neighbors: the one with number `n` is `n % 7` bits from the hash with number `97 n`.
fn world(n_random: usize, n_planted: usize) -> Vec<u64> {
    let mut seed = 42_u64;
    let mut next = move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut world: Vec<u64> = (0..n_random).map(|_| next()).collect();
    for n in 0..n_planted {
        let mut hash = world[97 * n];
        let mut bits = HashSet::new();
        while bits.len() < n % 7 {
            bits.insert(next() % 64);
        }
        bits.into_iter().for_each(|bit| hash ^= 1 << bit);
        world.push(hash);
    }
    world
}

fn planted() -> impl Iterator<Item = (i64, i64)> {
    (0..N_PLANTED).map(|n| ((97 * n) as i64, (N_RANDOM + n) as i64))
}

fn pairs(world: &[u64], within: impl Fn(u64, &mut dyn FnMut(i64, u32))) -> HashSet<(i64, i64)> {
    let mut pairs = HashSet::new();
    for (key, hash) in world.iter().enumerate() {
        within(*hash, &mut |other, _| {
            if other > key as i64 {
                pairs.insert((key as i64, other));
            }
        });
    }
    pairs
}

fn pairs_by_force(world: &[u64], distance: u32) -> HashSet<(i64, i64)> {
    let mut pairs = HashSet::new();
    for (key, hash) in world.iter().enumerate() {
        for (other, near) in world.iter().enumerate().skip(key + 1) {
            if (hash ^ near).count_ones() <= distance {
                pairs.insert((key as i64, other as i64));
            }
        }
    }
    pairs
}

fn time(name: &str, world: &[u64], n: usize, mut query: impl FnMut(u64)) {
    let mut times: Vec<Duration> = Vec::with_capacity(n);
    for hash in world.iter().step_by(world.len() / n).take(n) {
        let begun = Instant::now();
        query(*hash);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    println!("{name}: median {:.1?}, p99 {:.1?}", at(0.5), at(0.99));
}

/// A Burkhard-Keller tree: the children of a node by their distance to it.
struct Tree {
    nodes: Vec<Node>,
}

struct Node {
    hash: u64,
    child: [u32; 64],
    same: Vec<u32>,
}

impl Tree {
    fn of(hashes: &[u64]) -> Self {
        let node = |hash, key: usize| Node {
            hash,
            child: [0; 64],
            same: vec![key as u32],
        };
        let mut nodes = vec![node(hashes[0], 0)];
        for (key, hash) in hashes.iter().enumerate().skip(1) {
            let mut at = 0;
            loop {
                let differing = (nodes[at].hash ^ hash).count_ones() as usize;
                if differing == 0 {
                    nodes[at].same.push(key as u32);
                    break;
                }
                match nodes[at].child[differing - 1] {
                    0 => {
                        nodes[at].child[differing - 1] = nodes.len() as u32;
                        nodes.push(node(*hash, key));
                        break;
                    }
                    child => at = child as usize,
                }
            }
        }
        Self { nodes }
    }

    fn bytes(&self) -> usize {
        self.nodes.len() * (size_of::<Node>() + 4)
    }

    fn within(&self, hash: u64, distance: u32, mut found: impl FnMut(i64, u32)) {
        let mut open = vec![0_usize];
        while let Some(at) = open.pop() {
            let node = &self.nodes[at];
            let differing = (node.hash ^ hash).count_ones();
            if differing <= distance {
                node.same.iter().for_each(|key| found(i64::from(*key), differing));
            }
            let range = differing.saturating_sub(distance).max(1)..=(differing + distance).min(64);
            open.extend(
                range
                    .map(|d| node.child[d as usize - 1] as usize)
                    .filter(|child| *child != 0),
            );
        }
    }
}
