//! What of a plan a player is offered, as a part of a path.

use std::{fmt, str::FromStr};

use super::shape::Ceiling;
use crate::rendition::Malformed;

/// What of a plan a player is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Everything encoded, in several qualities below a ceiling.
    Ladder(Ceiling),
    /// The streams as the file has them; sound that does not go into segments is encoded.
    Copy,
    /// The pictures as the file has them, and all sound encoded.
    CopyPictures,
}

impl Choice {
    /// The ceiling of encoded pictures.
    pub fn ceiling(self) -> Ceiling {
        match self {
            Self::Ladder(ceiling) => ceiling,
            Self::Copy | Self::CopyPictures => Ceiling::default(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ladder(ceiling) => ceiling.fmt(f),
            Self::Copy => f.write_str("copy"),
            Self::CopyPictures => f.write_str("copy-pictures"),
        }
    }
}

impl FromStr for Choice {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "copy" => Ok(Self::Copy),
            "copy-pictures" => Ok(Self::CopyPictures),
            text => text.parse().map(Self::Ladder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_comes_back_from_its_text() {
        for choice in [Choice::Ladder(Ceiling::default()), Choice::Copy, Choice::CopyPictures] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("copied".parse::<Choice>().is_err());
    }
}
