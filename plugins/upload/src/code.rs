//! The error codes of this plugin, and the statuses that tus gives them.

use axum::http::StatusCode;
use kernel::error::Failure;

kernel::codes! {
    VERSION = "UPLOAD_VERSION", Invalid, "The request does not name tus 1.0.0 in `Tus-Resumable`.";
    BAD_REQUEST = "UPLOAD_BAD_REQUEST", Invalid, "A header of the request is missing or cannot be read.";
    BAD_TYPE = "UPLOAD_BAD_TYPE", Invalid, "The body is not sent as `application/offset+octet-stream`.";
    METHOD = "UPLOAD_METHOD", Invalid, "The method is not allowed here.";
    NOT_FOUND = "UPLOAD_NOT_FOUND", NotFound, "There is no such upload, or it is not this account's.";
    EXPIRED = "UPLOAD_EXPIRED", NotFound, "The upload was not finished in time.";
    WRONG_OFFSET = "UPLOAD_WRONG_OFFSET", Conflict, "The bytes do not continue what is stored; ask for the offset with HEAD.";
    WRONG_CHECKSUM = "UPLOAD_WRONG_CHECKSUM", Invalid, "The bytes do not have their checksum and were thrown away.";
    LOCKED = "UPLOAD_LOCKED", Conflict, "Another request is writing to the upload.";
    ENDED = "UPLOAD_ENDED", Conflict, "The upload takes no more bytes.";
    UNFINISHED = "UPLOAD_UNFINISHED", Conflict, "A part of the whole has not been received completely.";
    TOO_LARGE = "UPLOAD_TOO_LARGE", TooLarge, "The file is larger than this server takes, or than was announced.";
    TOO_MANY = "UPLOAD_TOO_MANY", TooMany, "The account has too many unfinished uploads.";
    NO_ROOM = "UPLOAD_NO_ROOM", Unavailable, "There is no room for the file, or the quota is used up.";
    TOO_SLOW = "UPLOAD_TOO_SLOW", Invalid, "No bytes came for too long; what came is kept.";
    STOPPING = "UPLOAD_STOPPING", Unavailable, "The server is stopping; what came is kept.";
    DISK = "UPLOAD_DISK", Unavailable, "The disk refused to write.";
    NO_LIBRARY = "UPLOAD_NO_LIBRARY", Invalid, "It is not said which library the file goes to, or that library does not exist or is offline.";
    NOT_MEDIA = "UPLOAD_NOT_MEDIA", Invalid, "The file is no video, sound or image that this server knows.";
    DUPLICATE = "UPLOAD_DUPLICATE", Conflict, "The same bytes are in a library already.";
    TWIN = "UPLOAD_TWIN", Unavailable, "Another upload of the same bytes is being put in its place.";
    LOST = "UPLOAD_LOST", Conflict, "Bytes that were received are not on the disk any more; send the file again.";
    NO_ENGINE = "UPLOAD_NO_ENGINE", Unavailable, "The media engine is not running.";
    DOWNLOAD_OFF = "UPLOAD_DOWNLOAD_OFF", Conflict, "The administrator has not allowed to fetch media of web pages.";
    NO_PROGRAM = "UPLOAD_NO_PROGRAM", Unavailable, "The program that fetches media of web pages is not installed.";
    UNCONFINED = "UPLOAD_UNCONFINED", Unavailable, "The system is too old to shut that program in, so it is not started.";
    DOWNLOAD_REFUSED = "UPLOAD_DOWNLOAD_REFUSED", Invalid, "The page, or what it names, is at an address that the server may not connect to.";
    DOWNLOAD_FAILED = "UPLOAD_DOWNLOAD_FAILED", Invalid, "Nothing could be fetched from the page.";
    DOWNLOAD_TOO_LONG = "UPLOAD_DOWNLOAD_TOO_LONG", Invalid, "Fetching the page took longer than it may.";
    NOT_NAMED = "UPLOAD_NOT_NAMED", Conflict, "No free name was found for the file.";
}

/// The HTTP status of a failure on a tus route.
pub fn status(failure: &Failure) -> StatusCode {
    let own = [
        (&VERSION, 412),
        (&BAD_TYPE, 415),
        (&METHOD, 405),
        (&EXPIRED, 410),
        (&WRONG_CHECKSUM, 460),
        (&LOCKED, 423),
        (&ENDED, 403),
        (&NO_ROOM, 507),
        (&TOO_SLOW, 408),
        (&NOT_MEDIA, 415),
    ];
    let own = own.iter().find(|(code, _)| code.name == failure.code.name);
    let number = own.map_or_else(|| failure.code.category.http_status(), |(_, status)| *status);
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
