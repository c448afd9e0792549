//! Classes of resolution, as people name them: by the width or the height that a video reaches, whichever says more, so
//! that a wide film without its black bars and a film held upright count as what they were made from.

use async_graphql::{Enum, InputObject};
use kernel::error::Failure;
use sea_orm::sea_query::{Expr, ExprTrait};

/// A class of resolution of a video, upright or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enum)]
pub enum Resolution {
    /// Less than 1280x720.
    Sd,
    /// From 1280x720.
    Hd,
    /// From 1920x1080.
    FullHd,
    /// From 2560x1440.
    QuadHd,
    /// From 3840x2160.
    #[graphql(name = "ULTRA_HD_4K")]
    UltraHd4k,
    /// From 7680x4320.
    #[graphql(name = "ULTRA_HD_8K")]
    UltraHd8k,
}

impl Resolution {
    /// All of them, the least first.
    pub const ALL: [Self; 6] = [
        Self::Sd,
        Self::Hd,
        Self::FullHd,
        Self::QuadHd,
        Self::UltraHd4k,
        Self::UltraHd8k,
    ];

    fn least(self) -> (i32, i32) {
        match self {
            Self::Sd => (0, 0),
            Self::Hd => (1280, 720),
            Self::FullHd => (1920, 1080),
            Self::QuadHd => (2560, 1440),
            Self::UltraHd4k => (3840, 2160),
            Self::UltraHd8k => (7680, 4320),
        }
    }

    /// The class of a picture of so many pixels.
    pub fn of(width: i32, height: i32) -> Self {
        let reaches = |class: &&Self| {
            let (long, short) = class.least();
            Ord::max(width, height) >= long || Ord::min(width, height) >= short
        };
        *Self::ALL.iter().rev().find(reaches).unwrap_or(&Self::Sd)
    }

    /// The condition that an item is a video of this class, in SQL.
    pub fn sql(self) -> String {
        let above = Self::ALL.into_iter().find(|class| *class > self);
        let mut text =
            r#""media"."kind" = 0 and "media"."width" is not null and "media"."height" is not null"#.to_owned();
        if self != Self::Sd {
            text.push_str(&format!(" and {}", reaches(self)));
        }
        if let Some(above) = above {
            text.push_str(&format!(" and not {}", reaches(above)));
        }
        format!("({text})")
    }
}

fn reaches(class: Resolution) -> String {
    let (long, short) = class.least();
    let (width, height) = (r#""media"."width""#, r#""media"."height""#);
    format!("({width} >= {long} or {height} >= {long} or ({width} >= {short} and {height} >= {short}))")
}

/// A condition on the class of resolution. It holds for videos only.
#[derive(Debug, Clone, Default, InputObject)]
pub struct ResolutionCriterion {
    /// Equal to this.
    pub eq: Option<Resolution>,
    /// One of these; an empty list is refused.
    #[graphql(name = "in")]
    pub is_in: Option<Vec<Resolution>>,
}

impl ResolutionCriterion {
    /// Refuses what nothing can fulfill; `path` is where it stands in the input.
    pub fn check(&self, path: &str) -> Result<(), Failure> {
        let Some(list) = &self.is_in else { return Ok(()) };
        if list.is_empty() {
            let message = "an empty list matches nothing; leave it out to allow every value";
            return Err(Failure::field(format!("{path}.in"), message));
        }
        match &self.eq {
            Some(class) if !list.contains(class) => {
                let message = "contradicts `in`: nothing fulfills both";
                Err(Failure::field(format!("{path}.eq"), message))
            }
            _ => Ok(()),
        }
    }

    /// Whether it holds for a video of so many pixels, or for what has no size or is no video.
    pub fn holds(&self, size: Option<(i32, i32)>) -> bool {
        let class = size.map(|(width, height)| Resolution::of(width, height));
        self.eq.is_none_or(|wanted| class == Some(wanted))
            && self
                .is_in
                .as_ref()
                .is_none_or(|wanted| class.is_some_and(|class| wanted.contains(&class)))
    }

    /// The condition on `media`. It is false, never unknown, for what is no video or has no size.
    pub fn condition(&self) -> Expr {
        let mut all = Expr::cust("1 = 1");
        if let Some(class) = self.eq {
            all = all.and(Expr::cust(class.sql()));
        }
        if let Some(classes) = &self.is_in {
            let any = classes.iter().map(|class| Expr::cust(class.sql()));
            all = all.and(
                any.reduce(|one, other| one.or(other))
                    .unwrap_or_else(|| Expr::cust("1 = 2")),
            );
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_the_greatest_that_width_or_height_reaches() {
        for (width, height, class) in [
            (640, 480, Resolution::Sd),
            (1280, 534, Resolution::Hd),
            (960, 720, Resolution::Hd),
            (1920, 800, Resolution::FullHd),
            (1080, 1920, Resolution::FullHd),
            (1440, 1080, Resolution::FullHd),
            (3840, 1600, Resolution::UltraHd4k),
            (4096, 2160, Resolution::UltraHd4k),
            (7680, 4320, Resolution::UltraHd8k),
        ] {
            assert_eq!(Resolution::of(width, height), class, "{width}x{height}");
        }
    }
}
