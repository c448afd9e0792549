//! Loudness after EBU R128: gated loudness, range and true peak of the whole stream.

use ebur128::{Channel, EbuR128, Mode};
use media_av::encode::Frame;
use media_av::sound::Place;
use media_proto::survey::Loudness;

/// The measurement; it begins with the first sound.
#[derive(Default)]
pub struct Meter {
    meter: Option<EbuR128>,
    /// The largest true peak of what was measured before channels or rate changed.
    peak: f64,
    failure: Option<String>,
}

impl Meter {
    /// Adds a frame, whose samples are these.
    pub fn add(&mut self, frame: &Frame, rate: u32, channels: &[Vec<f32>]) {
        if self.failure.is_none() {
            self.failure = self
                .try_to_add(frame, rate, channels)
                .err()
                .map(|error| error.to_string());
        }
    }

    fn try_to_add(&mut self, frame: &Frame, rate: u32, channels: &[Vec<f32>]) -> Result<(), ebur128::Error> {
        let n_channels = channels.len() as u32;
        let meter = match &mut self.meter {
            Some(meter) if (meter.channels(), meter.rate()) == (n_channels, rate) => meter,
            Some(meter) => {
                // Its blocks so far stay in the measurement, its peaks do not.
                self.peak = self.peak.max(true_peak(meter)?);
                meter.change_parameters(n_channels, rate)?;
                place(meter, frame)?;
                meter
            }
            None => {
                let mut meter = EbuR128::new(n_channels, rate, Mode::I | Mode::LRA | Mode::TRUE_PEAK)?;
                place(&mut meter, frame)?;
                self.meter.insert(meter)
            }
        };
        let planes: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        meter.add_frames_planar_f32(&planes)
    }

    /// The result; none for silence, which has no loudness.
    pub fn finish(self) -> Result<Option<Loudness>, String> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let Some(meter) = self.meter else { return Ok(None) };
        let measured = || -> Result<Loudness, ebur128::Error> {
            Ok(Loudness {
                integrated_lufs: meter.loudness_global()?,
                range_lu: meter.loudness_range()?,
                true_peak_dbtp: 20.0 * self.peak.max(true_peak(&meter)?).log10(),
            })
        };
        let loudness = measured().map_err(|error| error.to_string())?;
        let is_number = [loudness.integrated_lufs, loudness.range_lu, loudness.true_peak_dbtp]
            .iter()
            .all(|value| value.is_finite());
        Ok(is_number.then_some(loudness))
    }
}

/// Tells it which channels surround the listener and count more, and which do not count (ITU-R BS.1770-4, table 3).
fn place(meter: &mut EbuR128, frame: &Frame) -> Result<(), ebur128::Error> {
    // Without an order of channels its own guess by their number is as good as any.
    for (index, place) in frame.places().unwrap_or_default().into_iter().enumerate() {
        let channel = match place {
            Place::Front => Channel::Center,
            Place::Surround => Channel::LeftSurround,
            Place::Bass => Channel::Unused,
        };
        meter.set_channel(index as u32, channel)?;
    }
    Ok(())
}

fn true_peak(meter: &EbuR128) -> Result<f64, ebur128::Error> {
    (0..meter.channels()).try_fold(0.0, |peak: f64, channel| Ok(peak.max(meter.true_peak(channel)?)))
}
