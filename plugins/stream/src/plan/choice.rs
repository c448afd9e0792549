//! What of a plan a player is offered, as a part of a path.

use std::{fmt, str::FromStr};

use super::shape::Ceiling;
use crate::rendition::Malformed;

/// Between a ceiling and a stream of subtitles.
const BURNED: &str = "-burn";

/// What of a plan a player is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Everything encoded, in several qualities below a ceiling.
    Ladder(Ceiling),
    /// The same with a stream of image subtitles drawn into the pictures.
    Burned(Ceiling, u32),
    /// The streams as the file has them; sound that does not go into segments is encoded.
    Copy,
    /// The pictures as the file has them, and all sound encoded.
    CopyPictures,
}

impl Choice {
    /// The ceiling of encoded pictures.
    pub fn ceiling(self) -> Ceiling {
        match self {
            Self::Ladder(ceiling) | Self::Burned(ceiling, _) => ceiling,
            Self::Copy | Self::CopyPictures => Ceiling::default(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ladder(ceiling) => ceiling.fmt(f),
            Self::Burned(ceiling, stream) => write!(f, "{ceiling}{BURNED}{stream}"),
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
            text => match text.split_once(BURNED) {
                None => text.parse().map(Self::Ladder),
                Some((ceiling, stream)) => {
                    let burned = Self::Burned(ceiling.parse()?, stream.parse().map_err(|_| Malformed)?);
                    // One text for each.
                    (burned.to_string() == text).then_some(burned).ok_or(Malformed)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_comes_back_from_its_text() {
        let all = Ceiling::default();
        let choices = [
            Choice::Ladder(all),
            Choice::Burned(all, 3),
            Choice::Copy,
            Choice::CopyPictures,
        ];
        for choice in choices {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        for bad in [
            "copied",
            "all-burn",
            "all-burn03",
            "all-burn-1",
            "copy-burn1",
            "all-burn1-burn1",
        ] {
            assert!(bad.parse::<Choice>().is_err(), "{bad}");
        }
    }
}
