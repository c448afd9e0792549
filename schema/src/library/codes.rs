//! The error codes of libraries.

kernel::codes! {
    LIBRARY_NAME_TAKEN = "LIBRARY_NAME_TAKEN", Conflict, "Another library has this name.";
    LIBRARY_PATH_IN_USE = "LIBRARY_PATH_IN_USE", Conflict, "The path still has files of the library.";
}
