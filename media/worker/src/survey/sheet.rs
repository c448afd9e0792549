//! Where finished artifacts gather: one stretch of bytes that travels as a sealed memory file.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{Artifact, ArtifactKind, MAX_ARTIFACTS, PictureFormat};

use crate::serve;

/// All artifacts of a survey.
pub struct Sheet {
    bytes: Vec<u8>,
    artifacts: Vec<Artifact>,
    max_bytes: u64,
}

impl Sheet {
    /// An empty one, that takes as much as a memory file may hold.
    pub fn new(limits: &Limits) -> Self {
        Self {
            bytes: Vec::new(),
            artifacts: Vec::new(),
            max_bytes: limits.out_bytes,
        }
    }

    /// Adds an artifact; width and height are 0 for what is no picture.
    pub fn add(
        &mut self,
        kind: ArtifactKind,
        format: Option<PictureFormat>,
        size: (u32, u32),
        bytes: &[u8],
    ) -> Result<(), MediaError> {
        let len = bytes.len() as u64;
        let offset = self.bytes.len() as u64;
        if self.artifacts.len() >= MAX_ARTIFACTS {
            return Err(MediaError::TooLarge {
                limit: format!("more than {MAX_ARTIFACTS} artifacts"),
            });
        }
        if offset + len > self.max_bytes {
            return Err(MediaError::TooLarge {
                limit: format!("artifacts of more than {} bytes", self.max_bytes),
            });
        }
        self.bytes.extend_from_slice(bytes);
        self.artifacts.push(Artifact {
            kind,
            format,
            width: size.0,
            height: size.1,
            offset,
            len,
        });
        Ok(())
    }

    /// The list of artifacts, and the sealed memory file with their bytes.
    pub fn seal(self) -> Result<(Vec<Artifact>, OwnedFd), MediaError> {
        let file = || -> std::io::Result<OwnedFd> {
            let mut file = File::from(serve::memory_file()?);
            file.write_all(&self.bytes)?;
            let file = OwnedFd::from(file);
            serve::seal(&file)?;
            Ok(file)
        };
        let file = file().map_err(|error| MediaError::Io {
            reason: error.to_string(),
        })?;
        Ok((self.artifacts, file))
    }
}
