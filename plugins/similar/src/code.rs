//! The error codes of this plugin.

kernel::codes! {
    MEDIA_NOT_FOUND = "SIMILAR_MEDIA_NOT_FOUND", NotFound, "One of the items does not exist.";
    LIBRARY_NOT_FOUND = "SIMILAR_LIBRARY_NOT_FOUND", NotFound, "The library to compare does not exist.";
    NOT_ALIKE = "SIMILAR_NOT_MERGEABLE", Conflict, "Items of different kinds or libraries cannot become one.";
    NOTHING_TO_UNDO = "SIMILAR_NOTHING_TO_UNDO", NotFound, "The merge was undone already, is too old, or its item is gone.";
}
