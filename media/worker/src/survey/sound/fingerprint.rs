//! The fingerprint of a recording after Chromaprint, algorithm 2, as `fpcalc` makes it of the first two minutes.

use media_av::encode::Frame;
use media_av::error::AvError;
use media_av::sound::Monitor;
use rusty_chromaprint::{Configuration, Fingerprinter};

/// Chromaprint's own rate.
const RATE: u32 = 11_025;
/// How much of the beginning counts, in samples of that rate.
const MAX_SAMPLES: usize = 120 * RATE as usize;

/// The fingerprint being made; it begins with the first sound.
#[derive(Default)]
pub struct Fingerprint {
    printer: Option<Fingerprinter>,
    monitor: Option<Monitor>,
    n_samples: usize,
    failure: Option<String>,
}

impl Fingerprint {
    /// Whether more sound changes nothing.
    pub fn is_full(&self) -> bool {
        self.n_samples >= MAX_SAMPLES || self.failure.is_some()
    }

    /// Adds a frame.
    pub fn add(&mut self, frame: &Frame) {
        if !self.is_full()
            && let Err(error) = self.try_to_add(frame)
        {
            self.failure = Some(error);
        }
    }

    fn try_to_add(&mut self, frame: &Frame) -> Result<(), String> {
        if self.monitor.as_ref().is_some_and(|monitor| !monitor.fits(frame)) {
            self.drain()?;
        }
        let mut monitor = match self.monitor.take() {
            Some(monitor) => monitor,
            None => Monitor::new(frame, RATE).map_err(AvError::text)?,
        };
        self.listen(monitor.resample(Some(frame)).map_err(AvError::text)?)?;
        self.monitor = Some(monitor);
        Ok(())
    }

    /// Takes what the resampler's filter holds at its end.
    fn drain(&mut self) -> Result<(), String> {
        let Some(mut monitor) = self.monitor.take() else {
            return Ok(());
        };
        self.listen(monitor.resample(None).map_err(AvError::text)?)
    }

    fn listen(&mut self, samples: &[i16]) -> Result<(), String> {
        let printer = match &mut self.printer {
            Some(printer) => printer,
            None => {
                let mut printer = Fingerprinter::new(&Configuration::preset_test2());
                // At its own rate with one channel it takes the samples as they are.
                printer.start(RATE, 1).map_err(|error| error.to_string())?;
                self.printer.insert(printer)
            }
        };
        let n = samples.len().min(MAX_SAMPLES.saturating_sub(self.n_samples));
        printer.consume(&samples[..n]);
        self.n_samples += n;
        Ok(())
    }

    /// The words; none of less than about three seconds.
    pub fn finish(mut self) -> Result<Vec<u32>, String> {
        if self.failure.is_none() && !self.is_full() {
            self.drain()?;
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let Some(mut printer) = self.printer else {
            return Ok(Vec::new());
        };
        printer.finish();
        Ok(printer.fingerprint().to_vec())
    }
}
