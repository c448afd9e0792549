//! Media of web pages: another maker's program, `yt-dlp`, knows how to fetch them. It is asked for one page at a time, shut
//! in by `media_engine::foreign`, and heard as a stranger is: whatever it says or leaves is checked.

pub mod fetch;
pub mod program;
pub mod row;
pub mod said;
