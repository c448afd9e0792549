//! The error codes of this plugin.

kernel::codes! {
    NOTHING_TO_CHANGE = "ORGANIZE_NOTHING_TO_CHANGE", Invalid, "A bulk change says nothing to change.";
}
