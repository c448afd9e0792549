//! The error codes of this plugin.

kernel::codes! {
    MEDIA_NOT_FOUND = "CLIPS_MEDIA_NOT_FOUND", NotFound, "The item does not exist, or none of its files is present.";
    CLIP_NOT_FOUND = "CLIPS_CLIP_NOT_FOUND", NotFound, "There is no such clip.";
    RENDITION_NOT_FOUND = "CLIPS_RENDITION_NOT_FOUND", NotFound, "There is no such rendition.";
    NOT_YET = "CLIPS_NOT_YET", Conflict, "The clip is just becoming an item; try again in a moment.";
    NO_TRASH = "CLIPS_NO_TRASH", Unavailable, "This server has no trash; the clip's item can only be kept.";
    NOT_PLAYABLE = "CLIPS_NOT_PLAYABLE", Conflict, "The item has neither pictures that move nor sound of a known length.";
    FILE_CHANGED = "CLIPS_FILE_CHANGED", Conflict, "The file on the disk is not the one that the library knows; scan first.";
    FILE_UNREADABLE = "CLIPS_FILE_UNREADABLE", Unavailable, "The file cannot be opened: it is gone, or its disk or permissions refuse.";
    NO_ENGINE = "CLIPS_NO_ENGINE", Unavailable, "The media engine is not running.";
    NOT_WHOLE = "CLIPS_NOT_WHOLE", Internal, "What was made is not what was planned, and was thrown away.";
    NO_ROOM = "CLIPS_NO_ROOM", Unavailable, "What was made could not be written to the data directory.";
    GONE = "CLIPS_GONE", NotFound, "The rendition does not exist any more.";
    RANGE_UNSATISFIABLE = "CLIPS_RANGE_UNSATISFIABLE", Invalid, "No byte that was asked for is in the rendition.";
}
