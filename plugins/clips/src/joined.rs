//! One fragmented mp4 of tracks that were made apart (ISO/IEC 14496-12): their headers become one, and each fragment is
//! told its track. An index of segments stands in front, so that players seek without reading all.

use std::ops::Range;

/// The bytes are not what our own workers write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fragment is malformed: {0}")]
pub struct Malformed(pub &'static str);

/// A box: its four letters, and its content.
type Found = ([u8; 4], Range<usize>);

/// The boxes in a range of bytes.
fn boxes(bytes: &[u8], within: Range<usize>) -> Result<Vec<Found>, Malformed> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let head = bytes.get(at..at + 8).ok_or(Malformed("a box is cut off"))?;
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = at.checked_add(size).filter(|end| size >= 8 && *end <= within.end);
        let end = end.ok_or(Malformed("a box is longer than what it lies in"))?;
        found.push(([head[4], head[5], head[6], head[7]], at + 8..end));
        at = end;
    }
    Ok(found)
}

fn child(bytes: &[u8], within: Range<usize>, name: &[u8; 4]) -> Result<Range<usize>, Malformed> {
    let found = boxes(bytes, within)?.into_iter().find(|(kind, _)| kind == name);
    found.map(|(_, range)| range).ok_or(Malformed("a box is missing"))
}

fn wrapped(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut made = ((content.len() + 8) as u32).to_be_bytes().to_vec();
    made.extend_from_slice(name);
    made.extend_from_slice(content);
    made
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Result<(), Malformed> {
    let place = bytes.get_mut(at..at + 4).ok_or(Malformed("a field is missing"))?;
    place.copy_from_slice(&value.to_be_bytes());
    Ok(())
}

fn get(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let place = bytes.get(at..at + 4).ok_or(Malformed("a field is missing"))?;
    Ok(u32::from_be_bytes([place[0], place[1], place[2], place[3]]))
}

/// The header of several tracks, numbered from 1 in this order, from the header of each.
pub fn header(tracks: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
    let first = tracks.first().ok_or(Malformed("no track"))?;
    let kind = child(first, 0..first.len(), b"ftyp")?;
    let mut made = wrapped(b"ftyp", &first[kind]);
    let mut movie = Vec::new();
    let mut extends = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        let id = index as u32 + 1;
        let moov = child(track, 0..track.len(), b"moov")?;
        if index == 0 {
            let mut mvhd = track[child(track, moov.clone(), b"mvhd")?].to_vec();
            // The next track's number is the last field.
            let at = mvhd.len().checked_sub(4).ok_or(Malformed("a field is missing"))?;
            put(&mut mvhd, at, tracks.len() as u32 + 1)?;
            movie.extend(wrapped(b"mvhd", &mvhd));
        }
        let trak = child(track, moov.clone(), b"trak")?;
        let mut own = track[trak.clone()].to_vec();
        let tkhd = child(&own, 0..own.len(), b"tkhd")?;
        let is_long = own.get(tkhd.start) == Some(&1);
        put(&mut own, tkhd.start + if is_long { 20 } else { 12 }, id)?;
        movie.extend(wrapped(b"trak", &own));
        let mvex = child(track, moov, b"mvex")?;
        let mut trex = track[child(track, mvex, b"trex")?].to_vec();
        put(&mut trex, 4, id)?;
        extends.extend(wrapped(b"trex", &trex));
    }
    movie.extend(wrapped(b"mvex", &extends));
    made.extend(wrapped(b"moov", &movie));
    Ok(made)
}

/// Tells a fragment its track and its place.
pub fn number(fragment: &mut [u8], track: u32, sequence: u32) -> Result<(), Malformed> {
    let moof = child(fragment, 0..fragment.len(), b"moof")?;
    let mfhd = child(fragment, moof.clone(), b"mfhd")?;
    put(fragment, mfhd.start + 4, sequence)?;
    let traf = child(fragment, moof, b"traf")?;
    let tfhd = child(fragment, traf, b"tfhd")?;
    put(fragment, tfhd.start + 4, track)
}

/// How many samples a fragment has.
pub fn n_samples(fragment: &[u8]) -> Result<u32, Malformed> {
    let moof = child(fragment, 0..fragment.len(), b"moof")?;
    let traf = child(fragment, moof, b"traf")?;
    let runs = boxes(fragment, traf)?.into_iter().filter(|(kind, _)| kind == b"trun");
    runs.map(|(_, run)| get(fragment, run.start + 4)).sum()
}

/// A segment in the index: bytes, and ticks that it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// Bytes of its fragments of all tracks.
    pub n_bytes: u32,
    /// How long it lasts.
    pub duration: u32,
}

/// The index of segments, right before the first of them, in ticks of the first track.
pub fn index(ticks_per_second: u32, segments: &[Indexed]) -> Result<Vec<u8>, Malformed> {
    let n = u16::try_from(segments.len()).map_err(|_| Malformed("too many segments"))?;
    let mut content = vec![1, 0, 0, 0];
    content.extend(1u32.to_be_bytes());
    content.extend(ticks_per_second.to_be_bytes());
    content.extend([0; 16]);
    content.extend([0; 2]);
    content.extend(n.to_be_bytes());
    for segment in segments {
        content.extend((segment.n_bytes & 0x7fff_ffff).to_be_bytes());
        content.extend(segment.duration.to_be_bytes());
        // Begins with a keyframe of the first kind.
        content.extend([0x90, 0, 0, 0]);
    }
    Ok(wrapped(b"sidx", &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: u32) -> Vec<u8> {
        let mut mvhd = vec![0; 96];
        mvhd.extend(2u32.to_be_bytes());
        let mut tkhd = vec![0; 84];
        put(&mut tkhd, 12, id).expect("room");
        let mut trex = vec![0; 24];
        put(&mut trex, 4, id).expect("room");
        let moov = [
            wrapped(b"mvhd", &mvhd),
            wrapped(b"trak", &wrapped(b"tkhd", &tkhd)),
            wrapped(b"mvex", &wrapped(b"trex", &trex)),
        ];
        [wrapped(b"ftyp", b"iso5"), wrapped(b"moov", &moov.concat())].concat()
    }

    #[test]
    fn tracks_are_numbered_in_one_header() {
        let joined = header(&[&track(1), &track(1)]).expect("a header");
        let moov = child(&joined, 0..joined.len(), b"moov").expect("moov");
        let kinds: Vec<[u8; 4]> = boxes(&joined, moov.clone())
            .expect("boxes")
            .into_iter()
            .map(|b| b.0)
            .collect();
        assert_eq!(kinds, [*b"mvhd", *b"trak", *b"trak", *b"mvex"]);
        let traks: Vec<Range<usize>> = boxes(&joined, moov.clone())
            .expect("boxes")
            .into_iter()
            .filter(|(kind, _)| kind == b"trak")
            .map(|(_, range)| range)
            .collect();
        for (trak, id) in traks.into_iter().zip(1..) {
            let tkhd = child(&joined, trak, b"tkhd").expect("tkhd");
            assert_eq!(get(&joined, tkhd.start + 12), Ok(id));
        }
        let mvex = child(&joined, moov.clone(), b"mvex").expect("mvex");
        let ids: Vec<u32> = boxes(&joined, mvex)
            .expect("boxes")
            .into_iter()
            .map(|(_, trex)| get(&joined, trex.start + 4).expect("an id"))
            .collect();
        assert_eq!(ids, [1, 2]);
        let mvhd = child(&joined, moov, b"mvhd").expect("mvhd");
        assert_eq!(get(&joined, mvhd.end - 4), Ok(3));
    }

    #[test]
    fn fragments_are_numbered_and_counted_and_nonsense_is_refused() {
        let mut run = vec![0; 4];
        run.extend(25u32.to_be_bytes());
        let traf = [wrapped(b"tfhd", &[0; 8]), wrapped(b"trun", &run)].concat();
        let moof = [wrapped(b"mfhd", &[0; 8]), wrapped(b"traf", &traf)].concat();
        let mut fragment = [wrapped(b"moof", &moof), wrapped(b"mdat", b"pictures")].concat();
        assert_eq!(n_samples(&fragment), Ok(25));
        number(&mut fragment, 2, 7).expect("a fragment");
        assert!(fragment.windows(4).any(|four| four == [0, 0, 0, 7]));
        for cut in 0..fragment.len() {
            let _ = n_samples(&fragment[..cut]);
        }
        assert!(n_samples(&[0, 0, 0, 4, 1, 2, 3, 4]).is_err() && header(&[]).is_err());
        let index = index(
            90_000,
            &[Indexed {
                n_bytes: 5,
                duration: 90_000,
            }],
        )
        .expect("an index");
        assert_eq!(index.len(), 8 + 32 + 12);
    }
}
