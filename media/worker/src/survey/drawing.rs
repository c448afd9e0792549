//! All that is drawn from one stream of pictures: each frame goes to everyone who wants it.

use media_av::encode::Frame;
use media_proto::error::MediaError;
use media_proto::survey::{ArtifactKind, Stills, Survey, Surveyed};

use crate::survey::keys::Keys;
use crate::survey::lens::{Lens, Look};
use crate::survey::phash;
use crate::survey::plan::{Pick, Plan, Use};
use crate::survey::poster::Choice;
use crate::survey::preview::{self, Animation};
use crate::survey::raster::Raster;
use crate::survey::scenes::Scenes;
use crate::survey::sheet::Sheet;
use crate::survey::sprite::Sprite;
use crate::survey::write;

/// Candidates for the poster, and where they lie: hundredths of the duration.
const N_CANDIDATES: i64 = 9;
const CANDIDATES: (i64, i64) = (5, 60);
/// A keyframe so much older than the wish still serves, where several wishes are closer together than keyframes are.
const PATIENCE_US: i64 = 2_000_000;
/// A keyframe so much older than the time asked for still serves as a poster.
const POSTER_PATIENCE_US: i64 = 2_500_000;

/// When a film is: in microseconds, starts on the file's own clock.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Where the pictures begin.
    pub start_us: i64,
    /// How long they last.
    pub duration_us: i64,
}

/// What is being drawn of a film.
pub struct Drawing {
    /// Makes pictures of frames.
    pub lens: Lens,
    choice: Option<Choice>,
    sprite: Option<Sprite>,
    animation: Option<Animation>,
    pieces: Vec<(i64, i64)>,
    hash: Option<Vec<Option<Raster>>>,
    stills: Option<Stills>,
    scenes: Option<Scenes>,
    start_us: i64,
    pending: Vec<(String, MediaError)>,
}

impl Drawing {
    /// Sets up what is wanted of a film that begins at a time of its own clock, lasts so long, and has so many frames a
    /// second; gives it with the frames that it needs.
    pub fn plan(
        survey: &Survey,
        lens: Lens,
        span: Span,
        rate: Option<(i32, i32)>,
        keys: &Keys,
        moments: Option<Vec<i64>>,
    ) -> (Self, Plan) {
        let Span {
            start_us, duration_us, ..
        } = span;
        let mut plan = Plan::default();
        let mut drawing = Self {
            lens,
            choice: survey.poster.as_ref().map(Choice::new),
            sprite: None,
            animation: None,
            pieces: Vec::new(),
            hash: None,
            stills: survey.stills.clone(),
            scenes: survey.scenes.then(Scenes::default),
            start_us,
            pending: Vec::new(),
        };
        match survey.poster.as_ref().map(|poster| poster.at_us) {
            Some(Some(at_us)) => plan.add(
                start_us.saturating_add(at_us),
                Pick::Nearby(POSTER_PATIENCE_US),
                Use::Poster,
            ),
            Some(None) => {
                let (from, to) = CANDIDATES;
                let step = duration_us * (to - from) / 100 / (N_CANDIDATES - 1);
                for i in 0..N_CANDIDATES {
                    let at_us = start_us + duration_us * from / 100 + step * i;
                    // A keyframe always serves: another look is taken where none of them is good.
                    let at_us = keys.before(at_us).unwrap_or(at_us);
                    plan.add(at_us, Pick::Nearby(i64::MAX), Use::Candidate);
                }
            }
            None => {}
        }
        if let Some(wanted) = &survey.sprite {
            match Sprite::new(wanted, duration_us) {
                Ok(sprite) => {
                    let patience = sprite.interval_us().max(PATIENCE_US.min(duration_us / 30));
                    for (i, at_us) in sprite.times_us().enumerate() {
                        match keys.nearest(start_us + at_us, sprite.interval_us()) {
                            Some(at_us) => plan.add(at_us, Pick::Nearby(i64::MAX), Use::Tile(i)),
                            None => plan.add(start_us + at_us, Pick::Nearby(patience), Use::Tile(i)),
                        }
                    }
                    drawing.sprite = Some(sprite);
                }
                Err(error) => drawing.fail("sprite", error),
            }
        }
        if let Some(wanted) = &survey.preview {
            drawing.pieces = preview::pieces(wanted, duration_us);
            for (i, &(from, until)) in drawing.pieces.iter().enumerate() {
                plan.add(start_us + from, Pick::All(start_us + until), Use::Piece(i));
            }
            drawing.animation = Some(Animation::new(wanted, drawing.pieces.clone(), rate));
        }
        if survey.phash {
            let by_time = || phash::times_us(duration_us).map(|at_us| start_us + at_us).collect();
            for (i, at_us) in moments.unwrap_or_else(by_time).into_iter().enumerate() {
                plan.add(at_us, Pick::Next, Use::Hash(i));
            }
            drawing.hash = Some(vec![None; phash::N_FRAMES]);
        }
        if let Some(stills) = &survey.stills {
            let pick = if stills.is_exact {
                Pick::Showing
            } else {
                Pick::Nearby(i64::MAX)
            };
            for (i, &at_us) in stills.at_us.iter().enumerate() {
                plan.add(start_us.saturating_add(at_us), pick, Use::Still(i));
            }
        }
        (drawing, plan)
    }

    /// Gives a frame to those it is for. A part that fails is left out from then on; running out of memory ends the survey.
    pub fn draw(&mut self, frame: &Frame, time_us: i64, uses: &[Use], sheet: &mut Sheet) -> Result<(), MediaError> {
        let tiles: Vec<usize> = uses
            .iter()
            .filter_map(|purpose| if let Use::Tile(i) = purpose { Some(*i) } else { None })
            .collect();
        if !tiles.is_empty()
            && let Some(sprite) = &mut self.sprite
            && let Err(error) = sprite.draw(&tiles, frame, &mut self.lens)
        {
            self.sprite = None;
            self.fail("sprite", error);
        }
        let from_start_us = time_us.saturating_sub(self.start_us);
        if let Some(scenes) = &mut self.scenes {
            scenes.picture(from_start_us, self.lens.glance(frame)?);
        }
        for &purpose in uses {
            let (part, drawn) = match purpose {
                Use::Tile(_) => continue,
                Use::Candidate | Use::Poster => ("poster", self.pose(purpose, frame, from_start_us)),
                Use::Hash(i) => ("phash", self.hash(i, frame)),
                Use::Still(i) => ("stills", self.still(i, frame, sheet)),
                Use::Piece(i) => ("preview", self.piece(i, frame, from_start_us)),
            };
            match drawn {
                Ok(()) => {}
                Err(MediaError::Memory) => return Err(MediaError::Memory),
                Err(error) => self.abandon(part, error),
            }
        }
        Ok(())
    }

    fn pose(&mut self, purpose: Use, frame: &Frame, time_us: i64) -> Result<(), MediaError> {
        let Some(choice) = &mut self.choice else { return Ok(()) };
        match purpose {
            Use::Poster => choice.fix(frame, media_proto::survey::PosterSource::Frame(time_us)),
            _ => choice.candidate(frame, time_us, &mut self.lens),
        }
    }

    fn hash(&mut self, index: usize, frame: &Frame) -> Result<(), MediaError> {
        let Some(frames) = &mut self.hash else { return Ok(()) };
        // As `scale=160:-2` does: the height follows the stored picture and is even.
        let (width, height) = frame.size();
        let (width, height) = if self.lens.orientation().is_sideways() {
            (height, width)
        } else {
            (width, height)
        };
        let scaled = phash::FRAME_WIDTH as f64 * f64::from(height) / f64::from(width.max(1));
        let height = ((scaled / 2.0).round() * 2.0).clamp(2.0, 1600.0) as u32;
        frames[index] = Some(
            self.lens
                .take(frame, (phash::FRAME_WIDTH as u32, height), Look::Plain)?,
        );
        Ok(())
    }

    fn still(&mut self, index: usize, frame: &Frame, sheet: &mut Sheet) -> Result<(), MediaError> {
        let Some(stills) = &self.stills else { return Ok(()) };
        let size = self.lens.fitted(frame, stills.width.clamp(16, 4096));
        let picture = self.lens.picture(frame, size)?;
        let bytes = write::picture(&picture, stills.format)?;
        let kind = ArtifactKind::Still(index as u32);
        sheet.add(kind, Some(stills.format), size, &bytes)
    }

    fn piece(&mut self, index: usize, frame: &Frame, time_us: i64) -> Result<(), MediaError> {
        let Some(animation) = &mut self.animation else {
            return Ok(());
        };
        animation.draw(index, time_us - self.pieces[index].0, frame, &mut self.lens)
    }

    fn abandon(&mut self, part: &str, error: MediaError) {
        match part {
            "poster" => self.choice = None,
            "phash" => self.hash = None,
            "stills" => self.stills = None,
            _ => self.animation = None,
        }
        self.fail(part, error);
    }

    fn fail(&mut self, part: &str, error: MediaError) {
        self.pending.push((part.to_owned(), error));
    }

    /// Whether the poster needs other frames than those it was shown: where, in microseconds on the file's clock.
    pub fn rescue(&self, survey: &Survey, duration_us: i64) -> Vec<i64> {
        let is_free = survey.poster.as_ref().is_some_and(|poster| poster.at_us.is_none());
        match &self.choice {
            Some(choice) if is_free && !choice.is_good() => {
                let hundredths = [8, 20, 35, 50, 65, 80, 92];
                hundredths.map(|part| self.start_us + duration_us * part / 100).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a poster is wanted for which there is no frame at all.
    pub fn lacks_poster(&self) -> bool {
        self.choice.as_ref().is_some_and(|choice| !choice.is_made())
    }

    /// Whether a part is wanted for which there is no frame at all.
    pub fn has_gaps(&self) -> bool {
        self.lacks_poster()
            || self.sprite.as_ref().is_some_and(Sprite::is_empty)
            || self
                .hash
                .as_ref()
                .is_some_and(|frames| frames.iter().all(Option::is_none))
    }

    /// Leaves the poster out: it came from elsewhere.
    pub fn forgo_poster(&mut self) {
        self.choice = None;
    }

    /// Writes everything; a part of which no frame came fails with the given complaint.
    pub fn finish(mut self, complaint: &MediaError, duration_us: i64, surveyed: &mut Surveyed, sheet: &mut Sheet) {
        if let Some(scenes) = self.scenes {
            scenes.finish(duration_us, surveyed);
        }
        let mut failures = std::mem::take(&mut self.pending);
        let mut note = |part: &str, result: Result<bool, MediaError>| match result {
            Ok(true) => {}
            Ok(false) => failures.push((part.to_owned(), complaint.clone())),
            Err(error) => failures.push((part.to_owned(), error)),
        };
        if let Some(choice) = self.choice {
            note("poster", choice.finish(&mut self.lens, surveyed, sheet));
        }
        if let Some(sprite) = self.sprite {
            note("sprite", sprite.finish(surveyed, sheet));
        }
        if let Some(animation) = self.animation {
            note("preview", animation.finish(sheet));
        }
        if let Some(frames) = self.hash {
            surveyed.phash = phash::of_frames(&frames);
            note("phash", Ok(surveyed.phash.is_some()));
        }
        for (part, error) in failures {
            surveyed.failures.push((part, error.to_string()));
        }
    }
}
