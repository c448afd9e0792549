//! A sheet of stills as WebVTT: each cue is a time and a rectangle of the picture, as players read it for seeking.

use media_proto::survey::SpriteLayout;

/// The file. The picture's URL is absolute on this server, because players disagree about what a relative one is
/// relative to.
pub fn text(layout: SpriteLayout, url: &str) -> String {
    let mut text = String::from("WEBVTT\n");
    for index in 0..layout.count {
        let from = time(i64::from(index) * layout.interval_us);
        let to = time(i64::from(index + 1) * layout.interval_us);
        let x = index % layout.columns * layout.tile_width;
        let y = index / layout.columns * layout.tile_height;
        let (width, height) = (layout.tile_width, layout.tile_height);
        text.push_str(&format!("\n{from} --> {to}\n{url}#xywh={x},{y},{width},{height}\n"));
    }
    text
}

fn time(us: i64) -> String {
    let ms = us / 1000;
    let (s, m, h) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    format!("{h:02}:{:02}:{:02}.{:03}", m % 60, s % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_still_has_its_time_and_its_place() {
        let layout = SpriteLayout {
            count: 3,
            columns: 2,
            rows: 2,
            tile_width: 160,
            tile_height: 90,
            interval_us: 1_800_500_000,
        };
        let expected = "WEBVTT\n\
            \n00:00:00.000 --> 00:30:00.500\n/s?e=1#xywh=0,0,160,90\n\
            \n00:30:00.500 --> 01:00:01.000\n/s?e=1#xywh=160,0,160,90\n\
            \n01:00:01.000 --> 01:30:01.500\n/s?e=1#xywh=0,90,160,90\n";
        assert_eq!(text(layout, "/s?e=1"), expected);
    }
}
