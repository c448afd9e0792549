//! Pictures with image subtitles drawn into them: renditions of their own, made up when somebody asks for them.

use std::sync::{Arc, OnceLock};

use entities::stream::{self, StreamKind};

use crate::rendition::Rendition;

/// The subtitles that are drawn.
const CODECS: [&str; 4] = ["dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "xsub"];

/// The rungs with one stream of subtitles.
#[derive(Debug)]
pub struct Burned {
    /// The stream's position in the file.
    pub stream: u32,
    plain: Arc<Vec<Arc<Rendition>>>,
    ffmpeg: Arc<str>,
    rungs: OnceLock<Vec<Arc<Rendition>>>,
}

impl Burned {
    /// One for each stream that can be drawn into these rungs.
    pub fn all(streams: &[stream::Model], rungs: &[Arc<Rendition>], ffmpeg: &str) -> Vec<Self> {
        let (plain, ffmpeg) = (Arc::new(rungs.to_vec()), Arc::<str>::from(ffmpeg));
        let burned = |stream: &stream::Model| Self {
            stream: stream.index.unsigned_abs(),
            plain: Arc::clone(&plain),
            ffmpeg: Arc::clone(&ffmpeg),
            rungs: OnceLock::new(),
        };
        streams.iter().filter(|stream| is_drawn(stream)).map(burned).collect()
    }

    /// The rungs, best first.
    pub fn rungs(&self) -> &[Arc<Rendition>] {
        let with = |rung: &Arc<Rendition>| rung.with_subtitles(self.stream, &self.ffmpeg).map(Arc::new);
        self.rungs.get_or_init(|| self.plain.iter().filter_map(with).collect())
    }
}

/// Whether a stream holds subtitles that can be drawn into pictures.
pub fn is_drawn(stream: &stream::Model) -> bool {
    stream.kind == StreamKind::Subtitle && CODECS.contains(&stream.codec.as_str())
}
