//! How rows are taken from what is read together with others.

use entities::{chapter, collection, file, marker, person, saved_filter, studio, tag};

use crate::{kit::cells::from_cells, media::card::Card};

from_cells! {
    Card {
        library_id: id, kind: one_of, title: text, date: text_or_absent, studio_id: id_or_absent,
        primary_file_id: id_or_absent, duration_us: int_or_absent, width: small_or_absent, height: small_or_absent,
        frame_rate_num: small_or_absent, frame_rate_den: small_or_absent, bit_rate: int_or_absent,
        video_codec: text_or_absent, audio_codec: text_or_absent, has_subtitles: flag, added_at: int, modified_at: int,
        updated_at: int, missing_at: int_or_absent,
    }
    tag::Model {
        name: text, sort_name: text, color: text_or_absent, description: text_or_absent, n_media: int, created_at: int,
        updated_at: int,
    }
    person::Model {
        name: text, sort_name: text, description: text_or_absent, n_media: int, created_at: int, updated_at: int,
    }
    studio::Model {
        name: text, sort_name: text, parent_id: id_or_absent, n_media: int, created_at: int, updated_at: int,
    }
    collection::Model {
        kind: one_of, name: text, sort_name: text, description: text_or_absent, parent_id: id_or_absent,
        folder_id: id_or_absent, filter: text_or_absent, filter_version: small, n_media: int, created_at: int,
        updated_at: int,
    }
    saved_filter::Model {
        user_id: id, name: text, version: small, filter: text, search: text_or_absent, sort: text_or_absent, created_at: int,
        updated_at: int,
    }
    marker::Model {
        media_id: id, title: text, start_us: int, end_us: int_or_absent, created_at: int, updated_at: int,
    }
    chapter::Model {
        file_id: id, position: small, title: text_or_absent, start_us: int, end_us: int,
    }
    file::Model {
        media_id: id, library_id: id, folder_id: id, name: bytes, path: text, status: one_of, missing_at: int_or_absent,
        size: int, mtime_ns: int, inode: int, device: int, fingerprint: bytes_or_absent, oshash: int_or_absent,
        content_hash: bytes_or_absent, container: text_or_absent, demuxer: text_or_absent, duration_us: int_or_absent,
        start_us: int_or_absent, bit_rate: int_or_absent, tags: text, has_cover: flag, subtitles: text, added_at: int,
        probed_at: int_or_absent,
    }
}
