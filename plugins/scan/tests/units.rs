//! The pure parts of a scan: names, rules, sidecars, keys.

#![allow(missing_docs, reason = "tests are named by what they show")]

use kernel::{
    identity,
    kind::{Role, extension, role},
};
use plugin_scan::{ignore_rules::IgnoreRules, nfo, package::PackageParts, title};

#[test]
fn titles_lose_separators_and_the_tail_of_a_release() {
    for (name, expected) in [
        (
            "The.Great.Film.2011.1080p.BluRay.x264-GROUP.mkv",
            "The Great Film (2011)",
        ),
        ("a_song_of_mine.mp3", "a song of mine"),
        ("Vol. 2 of 3.mp4", "Vol. 2 of 3"),
        ("Web.mp4", "Web"),
        ("2012.mp4", "2012"),
        ("1080p.mp4", "1080p"),
        ("Some Show - S01E02 [720p].mkv", "Some Show - S01E02"),
        (".mp4", "mp4"),
        ("no extension", "no extension"),
    ] {
        assert_eq!(title::from_file_name(name.as_bytes()), expected, "{name}");
    }
    assert_eq!(title::from_file_name(b"caf\xe9.mp4"), "caf\u{fffd}");
    assert_eq!(title::stem(b"IMG_0001.JPG"), "IMG_0001");
}

#[test]
fn roles_come_from_extensions_in_any_case() {
    for (name, expected) in [
        ("a.MP4", Role::Media),
        ("a.jpeg", Role::Media),
        ("a.nfo", Role::Sidecar),
        ("a.en.srt", Role::Sidecar),
        ("a.m3u8", Role::Playlist),
        ("a.m4s", Role::Segment),
        ("a.txt", Role::Unknown),
        ("mp4", Role::Unknown),
        (".mp4", Role::Unknown),
        ("a.", Role::Unknown),
    ] {
        assert_eq!(role(name.as_bytes()), expected, "{name}");
    }
    assert_eq!(extension(b"x.\xff\xfe"), None);
}

#[test]
fn the_nearest_ignore_rule_decides() {
    let top = IgnoreRules::default().nested(b"", b"*.mp4\n!keep.mp4\n/only-here\nbuild/\n");
    let below = top.nested(b"a/b", b"!special.mp4\nkeep.mp4\n");
    for (rules, path, is_folder, expected) in [
        (&top, "x.mp4", false, true),
        (&top, "a/x.mp4", false, true),
        (&top, "a/keep.mp4", false, false),
        (&top, "only-here", false, true),
        (&top, "a/only-here", false, false),
        (&top, "a/build", true, true),
        (&top, "a/build", false, false),
        (&below, "a/b/special.mp4", false, false),
        (&below, "a/b/keep.mp4", false, true),
        (&below, "a/b/other.mp4", false, true),
        (&below, "a/b/x.mkv", false, false),
    ] {
        assert_eq!(rules.leaves_out(path.as_bytes(), is_folder), expected, "{path}");
    }
}

#[test]
fn an_nfo_is_read_without_entities_and_with_limits() {
    let bomb = b"<!DOCTYPE movie [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>\
        <movie><title>A &a;&b; &amp; B &#66;</title></movie>";
    assert_eq!(nfo::parse(bomb).and_then(|nfo| nfo.title).as_deref(), Some("A & B B"));
    assert_eq!(nfo::parse(b"release notes, 1337"), None);
    assert_eq!(nfo::parse(b"<html><title>x</title></html>"), None);
    let nested = format!("<movie>{}<title>deep</title>", "<x>".repeat(100_000));
    assert_eq!(nfo::parse(nested.as_bytes()).and_then(|nfo| nfo.title), None);
    let cut =
        nfo::parse(b"<episodedetails><title>One</title><aired>2020-02-30</aired><genre>A / a / B</genre><plot>Cut");
    let cut = cut.expect("an NFO that is cut off says what it said");
    assert_eq!(
        (cut.title.as_deref(), cut.date, cut.tags),
        (Some("One"), None, vec!["A".to_owned(), "B".to_owned()])
    );
}

#[test]
fn days_come_out_of_every_usual_form() {
    for (text, expected) in [
        ("2021-05-04", Some("2021-05-04")),
        ("2021-05-04T12:00:00.000000Z", Some("2021-05-04")),
        ("2021:05:04 10:11:12", Some("2021-05-04")),
        ("20210504", Some("2021-05-04")),
        ("2021", Some("2021-01-01")),
        ("2021-05", Some("2021-05-01")),
        ("1904-01-01T00:00:00Z", None),
        ("1970-01-01", None),
        ("2021-13-01", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(nfo::day(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn a_package_names_its_parts() {
    let mut parts = PackageParts::default();
    parts.read(
        b"a.mpd",
        b"<MPD><BaseURL>video.mp4</BaseURL><SegmentTemplate media=\"c-$RepresentationID$-$Number$.mp4\"/></MPD>",
    );
    parts.read(
        b"b.m3u8",
        b"#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\ns0.ts?x=1\nhttps://example.com/other.ts\n",
    );
    parts.read(b"songs.m3u8", b"#EXTM3U\n#EXTINF:10,Song\nsong.mp3\n");
    for (name, expected) in [
        ("video.mp4", true),
        ("c-v1-17.mp4", true),
        ("c--1.mp4", false),
        ("init.mp4", true),
        ("s0.ts", true),
        ("other.ts", false),
        ("song.mp3", false),
        ("film.mp4", false),
    ] {
        assert_eq!(parts.contains(name.as_bytes()), expected, "{name}");
    }
}

#[test]
fn a_fingerprint_sees_size_and_both_edges() -> std::io::Result<()> {
    let file = |bytes: &[u8]| -> std::io::Result<_> {
        let mut file = tempfile::tempfile()?;
        std::io::Write::write_all(&mut file, bytes)?;
        identity::fingerprint(&file, bytes.len() as i64)
    };
    let mut bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let base = file(&bytes)?;
    // Its definition, written out: the size and both edges.
    let mut expected = (bytes.len() as u64).to_le_bytes().to_vec();
    expected.extend_from_slice(&bytes[..65_536]);
    expected.extend_from_slice(&bytes[bytes.len() - 65_536..]);
    assert_eq!(base.blake3, *blake3::hash(&expected).as_bytes());
    bytes[150_000] ^= 1;
    assert_eq!(file(&bytes)?, base, "the middle is not read");
    bytes[299_999] ^= 1;
    assert_ne!(file(&bytes)?.blake3, base.blake3);
    // The published test of OpenSubtitles' hash: only the size counts when all bytes are zero.
    assert_eq!(file(&[0; 200_000])?.oshash, Some(200_000));
    assert_eq!(file(b"")?.oshash, None);
    Ok(())
}
