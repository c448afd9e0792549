//! The codes of this plugin.

kernel::codes! {
    NOT_EMBEDDED = "BACKUP_NOT_EMBEDDED", Conflict, "The database is PostgreSQL, whose own tools copy it.";
    TOO_MANY = "BACKUP_TOO_MANY", Conflict, "There are as many backups as there may be; delete one first.";
    NO_ROOM = "BACKUP_NO_ROOM", Conflict, "The disk has no room for a copy of the database.";
    NOT_FOUND = "BACKUP_NOT_FOUND", NotFound, "There is no backup of this name.";
    RANGE_UNSATISFIABLE = "BACKUP_RANGE_UNSATISFIABLE", Invalid, "No part of the asked range is in the backup.";
}
