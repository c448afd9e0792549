//! Who gets what, from which head, in which order of events.

use std::sync::Arc;

use entities::id::FileId;
use media_proto::{grid::Grid, head::AudioHead, rendition::AudioRendition};

use super::*;
use crate::rendition::{FileState, Label, Rendition};

/// A track of forty segments.
fn track(stream: u32) -> Arc<Rendition> {
    let head = AudioHead {
        extension: None,
        start_us: 0,
        rendition: AudioRendition {
            stream,
            channels: 2,
            sample_rate: 48_000,
            bit_rate: 128_000,
        },
        grid: Grid::new(None, 4000),
        first: 0,
        until: 0,
        n_frames: 7500,
    };
    let file = FileState {
        id: FileId(1),
        size: 2,
        mtime_ns: 3,
    };
    Arc::new(Rendition::audio(file, head, Label::default(), "ffmpeg"))
}

fn wanted(stream: u32, n: u32) -> Wanted {
    Wanted {
        rendition: track(stream),
        part: Part::Segment(n),
        source: (0, 0),
    }
}

/// Joins, and starts the heads that there is room for. Gives the wait's number and those of new heads.
fn ask(book: &mut Book, wanted: &Wanted, width: usize) -> (u64, Vec<Started>) {
    let (wait, _) = book.join(wanted);
    (wait, started(book, width))
}

fn started(book: &mut Book, width: usize) -> Vec<Started> {
    let mut all = Vec::new();
    while let Some(step) = book.next_step(width) {
        if let Step::Start { wanted } = step {
            all.push(book.start(&wanted, CancellationToken::new()));
        }
    }
    all
}

#[test]
fn who_wants_the_same_or_what_comes_soon_shares_a_head() {
    let mut book = Book::default();
    let (_, first) = ask(&mut book, &wanted(1, 5), 4);
    assert_eq!((first.len(), first[0].first, *first[0].until.borrow()), (1, 5, 7));
    for soon in [5, 6, 7] {
        assert!(ask(&mut book, &wanted(1, soon), 4).1.is_empty(), "{soon} comes soon");
    }
    assert!(*first[0].until.borrow() > 7, "it was told to go that far");
    for other in [wanted(1, 4), wanted(1, 20), wanted(2, 5)] {
        assert_eq!(ask(&mut book, &other, 9).1.len(), 1, "{other:?}");
    }
}

#[test]
fn only_a_head_that_nobody_waits_for_makes_way_and_the_one_left_longest_first() {
    let mut book = Book::default();
    let (_, one) = ask(&mut book, &wanted(1, 0), 3);
    let (_, two) = ask(&mut book, &wanted(2, 0), 3);
    let (_, three) = ask(&mut book, &wanted(3, 0), 3);
    assert!(ask(&mut book, &wanted(4, 0), 3).1.is_empty());
    let ended = |heads: [&Vec<Started>; 3]| heads.map(|head| head[0].cancel.is_cancelled());
    assert_eq!(ended([&one, &two, &three]), [false; 3], "each is waited for");
    for head in [&two, &one] {
        book.segment_made(head[0].number, 0, &Bytes::new(), None, false);
    }
    book.touch(track(1).id, 0);
    assert!(
        started(&mut book, 3).is_empty(),
        "the room is there when the head is gone"
    );
    assert_eq!(ended([&one, &two, &three]), [false, true, false]);
    book.ended(two[0].number, None);
    assert_eq!(started(&mut book, 3).len(), 1);
    assert_eq!(ended([&one, &two, &three]), [false, true, false], "one was enough");
}

#[test]
fn the_last_who_leaves_ends_the_work_unless_it_took_long() {
    let mut book = Book::default();
    let (wait, head) = ask(&mut book, &wanted(1, 0), 4);
    let (same, _) = ask(&mut book, &wanted(1, 0), 4);
    assert_eq!(wait, same);
    assert!(!book.leave(wait, false) && !head[0].cancel.is_cancelled());
    assert!(book.leave(wait, false) && head[0].cancel.is_cancelled());

    let (wait, head) = ask(&mut book, &wanted(2, 0), 4);
    assert!(
        !book.leave(wait, true) && !head[0].cancel.is_cancelled(),
        "it goes on for the next time"
    );
    let (next, _) = ask(&mut book, &wanted(2, 1), 4);
    book.segment_made(head[0].number, 0, &Bytes::new(), None, false);
    assert!(!book.leave(wait, false), "that wait is over");
    assert!(book.leave(next, false));
}

#[test]
fn a_head_goes_further_the_longer_it_is_followed_but_not_while_others_wait() {
    let mut book = Book::default();
    let (_, head) = ask(&mut book, &wanted(1, 0), 1);
    let until = || *head[0].until.borrow();
    let mut reached = Vec::new();
    for n in 0..12 {
        book.segment_made(head[0].number, n, &Bytes::new(), None, false);
        book.touch(track(1).id, n);
        reached.push(until() - n);
    }
    assert_eq!(reached[..4], [2, 3, 4, 5]);
    assert_eq!(
        reached[11], 8,
        "thirty seconds of segments of four, and the one that was asked for"
    );
    ask(&mut book, &wanted(2, 0), 1);
    assert!(head[0].cancel.is_cancelled(), "another needs the room");
}

#[test]
fn a_head_ends_where_the_rest_is_known_and_its_error_reaches_who_waits() {
    let mut book = Book::default();
    let (_, head) = ask(&mut book, &wanted(1, 3), 4);
    book.segment_made(head[0].number, 3, &Bytes::new(), None, true);
    assert!(head[0].cancel.is_cancelled());

    let (_, mut answer) = book.join(&wanted(2, 0));
    let head = started(&mut book, 4);
    let error = MediaError::Corrupt {
        reason: "torn".to_owned(),
    };
    book.ended(head[0].number, Some(&error));
    let told = answer.borrow_and_update().clone();
    assert!(matches!(told, Some(Err(NotMade::Failed(told))) if told == error));
    assert!(started(&mut book, 4).is_empty(), "nobody tries it again by itself");
}

#[test]
fn a_head_that_keeps_ending_without_what_is_wanted_is_given_up() {
    let mut book = Book::default();
    let (_, mut answer) = book.join(&wanted(1, 0));
    let mut n_heads = 0;
    while let [head] = &started(&mut book, 4)[..] {
        n_heads += 1;
        book.ended(head.number, None);
    }
    assert_eq!(n_heads, MAX_TRIES);
    assert!(matches!(answer.borrow_and_update().clone(), Some(Err(NotMade::NotYet))));
}

#[test]
fn chunks_reach_who_waits_and_begin_anew_with_another_head() {
    let mut book = Book::default();
    let (wait, head) = ask(&mut book, &wanted(1, 3), 4);
    let seen = book.chunks(wait).expect("it is waited for");
    let chunk = |text: &'static str| Bytes::from_static(text.as_bytes());
    book.chunk_made(head[0].number, 3, &chunk("one"));
    book.chunk_made(head[0].number + 1, 3, &chunk("of another head"));
    book.chunk_made(head[0].number, 3, &chunk("two"));
    assert_eq!(*seen.borrow(), [chunk("one"), chunk("two")]);

    // Its worker died, and another makes the segment from its beginning.
    book.header_made(head[0].number, &Bytes::new());
    assert!(seen.borrow().is_empty());
    book.chunk_made(head[0].number, 3, &chunk("uno"));
    book.ended(head[0].number, None);
    assert!(seen.borrow().is_empty(), "another head makes other bytes");
    let next = started(&mut book, 4);
    book.chunk_made(next[0].number, 3, &chunk("eins"));
    assert_eq!(*seen.borrow(), [chunk("eins")]);
    book.segment_made(next[0].number, 3, &chunk("eins zwei"), None, false);
    assert!(book.chunks(wait).is_none(), "it is answered");

    // Who comes in the middle of a segment gets its beginning too.
    book.chunk_made(next[0].number, 4, &chunk("a"));
    let (late, _) = ask(&mut book, &wanted(1, 4), 4);
    book.chunk_made(next[0].number, 4, &chunk("b"));
    let seen = book.chunks(late).expect("it is waited for");
    assert_eq!(*seen.borrow(), [chunk("a"), chunk("b")]);
}

#[test]
fn who_has_a_part_of_a_segment_gets_the_rest_from_the_same_head() {
    let mut book = Book::default();
    let (_, before) = ask(&mut book, &wanted(1, 0), 4);
    let (begun, mut answer) = book.join(&wanted(1, 4));
    let at_it = started(&mut book, 4);
    let (not_begun, mut other_answer) = book.join(&wanted(1, 9));
    let elsewhere = started(&mut book, 4);
    assert_eq!([&before, &at_it, &elsewhere].map(Vec::len), [1, 1, 1]);
    let chunks = book.chunks(begun).expect("a wait");
    book.chunk_made(at_it[0].number, 4, &Bytes::from_static(b"one"));
    assert_eq!(*chunks.borrow(), [Bytes::from_static(b"one")]);
    // The head from before overtakes both.
    for n in 0..10 {
        book.segment_made(before[0].number, n, &Bytes::from_static(b"faster"), None, false);
    }
    assert!(
        answer.borrow_and_update().is_none(),
        "its waiter has bytes of another head"
    );
    assert!(
        other_answer.borrow_and_update().is_some(),
        "nothing of it was given away"
    );
    assert!(book.chunks(not_begun).is_none());
    book.segment_made(at_it[0].number, 4, &Bytes::from_static(b"one two"), None, false);
    let given = answer.borrow().as_ref().and_then(|given| given.clone().ok());
    assert_eq!(given, Some(Bytes::from_static(b"one two")));
}
