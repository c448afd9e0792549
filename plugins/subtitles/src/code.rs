//! The error codes of this plugin.

kernel::codes! {
    NO_ENGINE = "SUBTITLES_NO_ENGINE", Unavailable, "The media engine is not running, so subtitles cannot be read.";
}
