//! The codes of this plugin: for API errors, and for the rows that say why a file is no item.

use kernel::codes;

codes! {
    LIBRARY_NOT_FOUND = "SCAN_LIBRARY_NOT_FOUND", NotFound, "The library does not exist.";
    LIBRARY_OFFLINE = "SCAN_LIBRARY_OFFLINE", Conflict, "A path of the library cannot be read, or does not hold the library's files; nothing was changed.";
    TOO_MANY_MISSING = "SCAN_TOO_MANY_MISSING", Conflict, "The scan would mark over 30 % of the library as missing; start it with `force` if that is right.";
    NO_ENGINE = "SCAN_NO_ENGINE", Unavailable, "The media engine is not running, so no file can be looked into.";
    FILE_BUSY = "SCAN_FILE_BUSY", Conflict, "The file was still being written; the next scan tries it again.";
    FILE_VANISHED = "SCAN_FILE_VANISHED", NotFound, "The file disappeared while it was read; the next scan tries it again.";
    FILE_UNREADABLE = "SCAN_FILE_UNREADABLE", Unavailable, "The file or folder could not be read; the next scan tries it again.";
    PERMISSION_DENIED = "SCAN_PERMISSION_DENIED", Forbidden, "The server may not read the file or folder.";
    NO_MEDIA = "SCAN_NO_MEDIA", Invalid, "The file opened, but holds neither picture nor sound.";
}
