//! A small picture on its way to a file: in planes where it came in planes, else in red, green and blue.

use media_proto::error::MediaError;

use crate::survey::planes::Planes;
use crate::survey::raster::Raster;

/// A small upright picture in sRGB's colors.
pub enum Picture {
    /// As films store it.
    Planes(Planes),
    /// What was turned, toned or corrected.
    Raster(Raster),
}

impl Picture {
    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Planes(planes) => planes.size(),
            Self::Raster(raster) => (raster.width, raster.height),
        }
    }

    /// The same picture smaller.
    pub fn shrunk(&self, width: usize, height: usize) -> Result<Self, MediaError> {
        match self {
            Self::Planes(planes) => planes.shrunk(width, height).map(Self::Planes),
            Self::Raster(raster) => Ok(Self::Raster(raster.shrunk(width, height))),
        }
    }

    /// The picture in red, green and blue.
    pub fn into_raster(self) -> Result<Raster, MediaError> {
        match self {
            Self::Planes(planes) => planes.to_raster(),
            Self::Raster(raster) => Ok(raster),
        }
    }
}
