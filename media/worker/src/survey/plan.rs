//! Which frames a survey wants, from the start to the end of the file, so that each that is decoded serves all who want it.

/// Whom a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A candidate for the poster.
    Candidate,
    /// The poster at a given time.
    Poster,
    /// The n-th still of the sheet.
    Tile(usize),
    /// The n-th frame of the hash.
    Hash(usize),
    /// The picture at the n-th time asked for.
    Still(usize),
    /// A piece of the preview.
    Piece(usize),
}

/// Which frame it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The one that shows at the time.
    Showing,
    /// The first at or after it.
    Next,
    /// The keyframe before it, if it is at most so many microseconds older; else the one that shows.
    Nearby(i64),
    /// Every one from the time until another.
    All(i64),
}

/// One wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The time, in microseconds on the file's own clock.
    pub at_us: i64,
    /// Which frame.
    pub pick: Pick,
    /// Whom it is for.
    pub purpose: Use,
    /// When the frame shows that it has got, if any.
    got_us: Option<i64>,
    /// Whether it wants no more.
    is_done: bool,
}

impl Want {
    /// Whether both are the same wish, however far each is met.
    pub fn is_same(self, other: Self) -> bool {
        (self.at_us, self.purpose) == (other.at_us, other.purpose)
    }
}

/// All wishes, by time.
#[derive(Debug, Default)]
pub struct Plan {
    wants: Vec<Want>,
    is_sorted: bool,
}

impl Plan {
    /// Adds a wish.
    pub fn add(&mut self, at_us: i64, pick: Pick, purpose: Use) {
        self.is_sorted = false;
        self.wants.push(Want {
            at_us,
            pick,
            purpose,
            got_us: None,
            is_done: false,
        });
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.wants.is_empty()
    }

    /// Whether every wish is for a keyframe.
    pub fn is_keyframes_only(&self) -> bool {
        self.wants.iter().all(|want| matches!(want.pick, Pick::Nearby(_)))
    }

    /// The first wish that is not met.
    pub fn next(&mut self) -> Option<Want> {
        self.sort();
        self.wants.iter().copied().find(|want| !want.is_done)
    }

    /// Whether frames up to a time are to be decoded, given the keyframe before: whether a wish is open by then that the
    /// keyframe alone does not meet.
    pub fn needs_run(&self, key_us: i64, until_us: i64) -> bool {
        self.wants.iter().any(|want| {
            !want.is_done
                && want.at_us <= until_us
                && match want.pick {
                    Pick::Nearby(tolerance) => want.at_us.saturating_sub(key_us) > tolerance,
                    _ => true,
                }
        })
    }

    /// Whether a frame at that time can be left undecoded as far as its own picture goes. A still in a sheet is as well shown
    /// by the frame before it that others are made from: *measured*, that is a sixth of the work less.
    pub fn skips(&self, time_us: i64) -> bool {
        !self.wants.iter().any(|want| {
            !want.is_done
                && match want.pick {
                    // The one that shows may begin a little earlier: a frame is rarely longer than a quarter second.
                    Pick::Showing => want.at_us <= time_us.saturating_add(250_000),
                    Pick::Next => want.at_us <= time_us,
                    Pick::Nearby(_) => {
                        !matches!(want.purpose, Use::Tile(_)) && want.at_us <= time_us.saturating_add(250_000)
                    }
                    Pick::All(until) => want.at_us <= time_us && time_us < until,
                }
        })
    }

    /// Whether a keyframe at `key_us`, with the next at `next_us`, is wanted by itself.
    pub fn wants_key(&self, key_us: i64, next_us: i64) -> bool {
        self.wants.iter().any(|want| {
            !want.is_done
                && matches!(want.pick, Pick::Nearby(_))
                && want.at_us < next_us
                && want.got_us.is_none_or(|got| got < key_us)
        })
    }

    /// Whether all that is open before a time is for stills in a sheet.
    pub fn wants_only_tiles(&self, until_us: i64) -> bool {
        let mut open = self.wants.iter().filter(|want| !want.is_done && want.at_us < until_us);
        open.all(|want| matches!(want.purpose, Use::Tile(_)))
    }

    /// Whether another open wish is after one for which something holds.
    pub fn follows(&self, first: Want, holds: impl Fn(Want) -> bool) -> bool {
        let mut others = self.wants.iter().filter(|want| !want.is_done && !want.is_same(first));
        others.any(|want| holds(*want))
    }

    /// Who gets a frame that shows from `time_us` to `end_us`, while no keyframe is known to come before `horizon_us`: what lies
    /// beyond may have a nearer one.
    pub fn serve(&mut self, time_us: i64, end_us: i64, horizon_us: i64) -> Vec<Use> {
        let mut served = Vec::new();
        for want in self.wants.iter_mut().filter(|want| !want.is_done) {
            let gets = match want.pick {
                Pick::Showing => {
                    want.is_done = want.at_us < end_us;
                    want.is_done
                }
                Pick::Next => {
                    want.is_done = want.at_us <= time_us;
                    want.is_done
                }
                Pick::Nearby(tolerance) => {
                    // Any frame at or before the time serves, and a later one better if the gain is worth drawing it.
                    let gain = want.got_us.map(|got| time_us.saturating_sub(got));
                    let is_near = want.at_us.saturating_sub(time_us) <= tolerance;
                    want.is_done = want.at_us < end_us;
                    let is_first_after = want.got_us.is_none() && want.is_done;
                    (time_us <= want.at_us
                        && is_near
                        && want.at_us < horizon_us
                        && gain.is_none_or(|gain| gain > tolerance.min(2_000_000) / 4))
                        || is_first_after
                }
                Pick::All(until) => {
                    want.is_done = time_us >= until;
                    want.at_us < end_us && !want.is_done
                }
            };
            if gets {
                want.got_us = Some(time_us);
                served.push(want.purpose);
            }
        }
        served
    }

    /// Ends the wishes before a time that have got what there is: the keyframe after it has been reached.
    pub fn settle(&mut self, next_key_us: i64) {
        for want in &mut self.wants {
            if matches!(want.pick, Pick::Nearby(_)) && want.at_us < next_key_us && want.got_us.is_some() {
                want.is_done = true;
            }
        }
    }

    /// Who is still without any frame, at the end: the last frame is theirs.
    pub fn serve_rest(&mut self) -> Vec<Use> {
        let mut rest = Vec::new();
        for want in self.wants.iter_mut().filter(|want| !want.is_done) {
            want.is_done = true;
            if want.got_us.is_none() && !matches!(want.pick, Pick::All(_)) {
                rest.push(want.purpose);
            }
        }
        rest
    }

    /// Gives a wish up that cannot be met.
    pub fn give_up(&mut self, want: Want) {
        for open in self.wants.iter_mut().filter(|open| !open.is_done) {
            open.is_done = open.is_same(want);
        }
    }

    fn sort(&mut self) {
        if !self.is_sorted {
            self.wants.sort_by_key(|want| want.at_us);
            self.is_sorted = true;
        }
    }
}
