//! Which sound of a file is listened to, beside its pictures or alone.

use media_av::encode::Packet;
use media_av::input::Input;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{Survey, Surveyed};

use crate::open::{self, av_error};
use crate::survey::sound::Sound;
use crate::survey::{MAX_READ_ERRORS, checkpoint};

/// Reads on for the sound alone.
pub fn rest(input: &mut Input, track: &mut Track) -> Result<(), MediaError> {
    input.keep_only(track.stream);
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut n_errors = 0;
    while track.sound.wants_more() {
        checkpoint()?;
        match input.read(&mut packet) {
            Ok(true) if packet.stream() == track.stream => track.sound.packet(&packet)?,
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if n_errors >= MAX_READ_ERRORS => {
                return Err(open::complaint(input).unwrap_or_else(|| av_error(error)));
            }
            Err(_) => n_errors += 1,
        }
    }
    Ok(())
}

/// The sound that is listened to, and where it is.
pub struct Track {
    /// The stream's index.
    pub stream: usize,
    /// What is measured of it.
    pub sound: Sound,
}

/// Sets up the measuring of sound, if any of it is wanted and there is some.
pub fn start(input: &Input, survey: &Survey, limits: &Limits, surveyed: &mut Surveyed) -> Option<Track> {
    let stream = Sound::choose(input).filter(|_| Sound::is_wanted(survey))?;
    let view = input.streams().nth(stream)?;
    match Sound::new(survey, view, input.start_us().unwrap_or(0), limits) {
        Ok(sound) => Some(Track { stream, sound }),
        Err(reason) => {
            surveyed.failures.push(("sound".to_owned(), reason));
            None
        }
    }
}
